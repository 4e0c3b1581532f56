/**
 * What Node's streams are made of inside: loaded and checked once for all that go past them (handles.ts, direct-io.ts). Insides
 * of Node are named in this folder and nowhere else.
 */

export type StreamBinding = {
  /** One write, or one end. */
  readonly WriteWrap: new () => object;
  readonly ShutdownWrap: new () => object;
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kLastWriteWasAsync: number;
};

export const METHODS = [
  'readStart',
  'readStop',
  'useUserBuffer',
  'writeBuffer',
  'writev',
  'shutdown',
  'close',
] as const;
export const TCP_METHODS = ['reset', 'getpeername', 'getsockname', 'setNoDelay', 'setKeepAlive'] as const;

export function has(object: object, methods: readonly string[]): boolean {
  return methods.every((name) => typeof (object as Record<string, unknown>)[name] === 'function');
}

/** '' or what is missing. */
export let missing = '';

function load(): StreamBinding | null {
  try {
    const { binding } = process as unknown as { binding(name: string): unknown };
    const stream = binding.call(process, 'stream_wrap') as StreamBinding;
    const { TCP } = binding.call(process, 'tcp_wrap') as { TCP: { prototype: object } };
    const indexes = [stream.kReadBytesOrError, stream.kLastWriteWasAsync];
    if (typeof stream.WriteWrap !== 'function' || typeof stream.ShutdownWrap !== 'function') missing = 'requests';
    else if (!(stream.streamBaseState instanceof Int32Array) || !indexes.every(Number.isInteger)) missing = 'state';
    else if (!has(TCP.prototype, METHODS) || !has(TCP.prototype, TCP_METHODS)) missing = 'methods';
    return missing === '' ? stream : null;
  } catch (error) {
    missing = String(error);
    return null;
  }
}

/** null: there is none that is known here. */
export const streamBinding = load();
