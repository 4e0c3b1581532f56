/**
 * uWebSockets.js, loaded once per worker, and the settings that it reads only while it loads.
 * The package comes under an npm alias (package.json); DESIGN §6 lists what it can and cannot do.
 */
import { reasonOf, TsujiError } from '../../kernel/errors.ts';

export type { HttpRequest, HttpResponse, TemplatedApp, us_listen_socket, us_socket_context_t } from 'uWebSockets.js';

export type Uws = typeof import('uWebSockets.js') & { _cfg(key: string): void };

/** Longest request head, bytes: as nginx with `large_client_header_buffers 8 8k`. Longer ones get 431 from uWS. */
const MAX_HEAD_BYTES = 65_536;
/** Switches off the server mark that uWS adds to every response. */
const NO_MARK = '999999990007';

/** @throws TsujiError UWS_NOT_LOADABLE with what to do about it. */
export async function loadUws(): Promise<Uws> {
  process.env.UWS_HTTP_MAX_HEADERS_SIZE ??= String(MAX_HEAD_BYTES);
  try {
    const uws = (await import('uWebSockets.js')) as unknown as { default: Uws };
    uws.default._cfg(NO_MARK);
    return uws.default;
  } catch (error) {
    throw new TsujiError(
      'UWS_NOT_LOADABLE',
      `uWebSockets.js cannot be loaded: ${reasonOf(error)}. It needs Linux, macOS or Windows on x64 or arm64 and, on ` +
        'Linux, glibc 2.36 or newer (not musl); `node scripts/fit-uws.mjs` in the folder of tsuji says what is missing.',
      { cause: error },
    );
  }
}
