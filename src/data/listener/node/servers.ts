/** The servers of node:http and node:http2 with our bounds. Neither listens: their connections are given to them. */

import { createServer as createHttp1, type Server as Http1Server, type IncomingMessage } from 'node:http';
import { createServer as createHttp2, type Http2Server, type ServerOptions } from 'node:http2';
import { timerSpan } from '../../../kernel/durations.ts';
import * as limits from './limits.ts';

/** With what the types do not know yet. */
type Http2Options = ServerOptions & {
  maxSessionInvalidFrames: number;
  maxSessionRejectedStreams: number;
  strictSingleValueFields: boolean;
};

/** Of a request: method, scheme, authority, path. */
const PSEUDO_FIELDS = 4;
/** How often node looks for heads that are too slow. */
const CHECK_MS = 1_000;

/** `headMs`: how long a head may take; `idleMs`: how long a kept connection may be idle; 0: for ever. */
export function http1Server(
  headMs: number,
  idleMs: number,
  takesUpgrade: (request: IncomingMessage) => boolean,
): Http1Server {
  const server = createHttp1({
    insecureHTTPParser: false,
    maxHeaderSize: limits.MAX_HEAD_BYTES,
    // We say ourselves what is wrong with a head, so that it is counted.
    requireHostHeader: false,
    headersTimeout: timerSpan(headMs),
    // The client watch is for bodies.
    requestTimeout: 0,
    connectionsCheckingInterval: CHECK_MS,
    keepAliveTimeout: timerSpan(idleMs),
    shouldUpgradeCallback: takesUpgrade,
  });
  // Without a limit: those beyond one would be dropped without a word.
  server.maxHeadersCount = 0;
  // Not in node's documentation, but since 0.6: answers go out after a FIN of the client.
  (server as Http1Server & { httpAllowHalfOpen: boolean }).httpAllowHalfOpen = true;
  // What watches over slow heads begins with this event, and nobody calls `listen` here.
  server.emit('listening');
  return server;
}

/** `maxFields`: that a head may have and is served; some more are refused by ourselves, so that their client is told why. */
export function http2Server(maxFields: number): Http2Server {
  const options: Http2Options = {
    settings: {
      maxConcurrentStreams: limits.MAX_STREAMS,
      initialWindowSize: limits.STREAM_WINDOW,
      maxHeaderListSize: limits.MAX_HEAD_BYTES,
      enablePush: false,
    },
    maxHeaderListPairs: 2 * maxFields + PSEUDO_FIELDS,
    maxSessionMemory: limits.SESSION_MEMORY_MB,
    maxSessionInvalidFrames: limits.MAX_INVALID_FRAMES,
    maxSessionRejectedStreams: limits.MAX_REJECTED_STREAMS,
    maxSettings: limits.MAX_SETTINGS,
    streamResetBurst: limits.RESET_BURST,
    streamResetRate: limits.RESETS_PER_SECOND,
    // Two fields where one would do are the server's to answer for; an exception would be ours.
    strictSingleValueFields: false,
  };
  return createHttp2(options);
}
