/** The numbers of HTTP/2 (RFC 9113 §6, §7, §11; RFC 8441 §3; RFC 9218 §2.1, §7.1) and the limits that the protocol sets. */

export const FRAME = Object.freeze({
  data: 0x0,
  headers: 0x1,
  priority: 0x2,
  rstStream: 0x3,
  settings: 0x4,
  pushPromise: 0x5,
  ping: 0x6,
  goaway: 0x7,
  windowUpdate: 0x8,
  continuation: 0x9,
  priorityUpdate: 0x10,
});

export const FLAG = Object.freeze({
  endStream: 0x1,
  /** Of SETTINGS and PING. */
  ack: 0x1,
  endHeaders: 0x4,
  padded: 0x8,
  priority: 0x20,
});

export const CODE = Object.freeze({
  noError: 0x0,
  protocol: 0x1,
  internal: 0x2,
  flowControl: 0x3,
  settingsTimeout: 0x4,
  streamClosed: 0x5,
  frameSize: 0x6,
  refusedStream: 0x7,
  cancel: 0x8,
  compression: 0x9,
  connect: 0xa,
  enhanceYourCalm: 0xb,
  inadequateSecurity: 0xc,
  http11Required: 0xd,
});

const CODE_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(CODE).map(([name, code]) => [code, name.replace(/[A-Z]|(?<=[a-z])11/g, '_$&').toUpperCase()]),
);

/**
 * What a client is told of a response that its server has reset with `code` behind its head. No other code is the client's
 * business: they are about our connection with that server, and REFUSED_STREAM would say that nothing was done.
 */
export function passedCode(code: number): number {
  return code === CODE.cancel || code === CODE.enhanceYourCalm ? code : CODE.internal;
}

/** For the log. */
export function codeName(code: number): string {
  return CODE_NAMES.get(code) ?? String(code);
}

export const SETTING = Object.freeze({
  headerTableSize: 0x1,
  enablePush: 0x2,
  maxConcurrentStreams: 0x3,
  initialWindowSize: 0x4,
  maxFrameSize: 0x5,
  maxHeaderListSize: 0x6,
  enableConnectProtocol: 0x8,
  noRfc7540Priorities: 0x9,
});

/** What a client sends before its first frame. */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
/** Of a frame, before its payload, bytes. */
export const FRAME_HEAD = 9;
/** The longest payload that we take and send: what holds for a peer that has said nothing else. */
export const MAX_FRAME = 16_384;
/** The longest that a peer may ever announce. */
export const MOST_FRAME = 16_777_215;
export const DEFAULT_WINDOW = 65_535;
export const MAX_WINDOW = 0x7fff_ffff;
export const MAX_STREAM_ID = 0x7fff_ffff;
