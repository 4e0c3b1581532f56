/** How a response that is whole is given to uWebSockets, inside a cork. */
import { NO_BODY } from '../downstream.ts';
import type { HttpResponse } from './uws.ts';

export const CLOSE_FIELD = '\r\nConnection: close';

/** `text`: ASCII. */
export function withLine(head: string | Uint8Array, text: string): string | Uint8Array {
  return typeof head === 'string' ? head + text : Buffer.concat([head, Buffer.from(text, 'latin1')]);
}

/** `head`: null when it has gone out. `length`, `headLength`: as of `Downstream.respond`. `close`: uWS ends the connection. */
export function writeWhole(
  response: HttpResponse,
  head: string | Uint8Array | null,
  length: number,
  body: Uint8Array | string | null,
  headLength: number,
  close: boolean,
): void {
  if (head !== null) response.writeStatus(head);
  if (length !== NO_BODY) {
    if (body === null) response.end('', close);
    else response.end(body, close);
  } else if (headLength >= 0) {
    response.endWithoutBody(headLength, close);
  } else {
    response.endWithoutBody();
  }
}

/** So that it stays open, and can be closed by us: by a length that is not reached, as in `UwsDownstream`, or without any. */
export function writeOpen(
  response: HttpResponse,
  head: string | Uint8Array,
  length: number,
  body: Uint8Array | string | null,
  headLength: number,
): void {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  if (length === NO_BODY || bytes === null || bytes.length === 0) {
    const told = length === NO_BODY ? headLength : 0;
    response.writeStatus(withLine(head, told < 0 ? '\r\n' : `\r\nContent-Length: ${told}\r\n`));
    return;
  }
  response.writeStatus(head);
  response.tryEnd(bytes.subarray(0, -1), bytes.length);
  response.tryEnd(bytes.subarray(-1), bytes.length + 1);
}
