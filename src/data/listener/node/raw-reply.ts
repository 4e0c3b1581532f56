/** Local replies for connections on which there is no request that could be answered: whole, and the last of all. */
import { FAULTS, type Fault } from '../../../kernel/errors.ts';
import { localReply } from '../../reply.ts';

/** `version`: the client may not have got far enough to say which one it speaks. */
function reply(fault: Fault, version: '1.0' | '1.1'): Buffer {
  const { head, body, length } = localReply(fault);
  return Buffer.from(`HTTP/${version} ${head}\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n${body}`);
}

const BAD_REQUEST = reply(FAULTS.badRequest, '1.1');
const HEAD_TOO_LARGE = reply(FAULTS.headTooLarge, '1.1');
const TOO_LATE = reply(FAULTS.requestTimeout, '1.1');

export const PLAIN_HTTP = reply(FAULTS.plainHttp, '1.0');
export const NO_CONNECT = reply(FAULTS.noConnect, '1.1');

/** What a client is told of an error of node's parser. */
export function rawReply(code: string | undefined): Buffer {
  if (code === 'HPE_HEADER_OVERFLOW') return HEAD_TOO_LARGE;
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' ? TOO_LATE : BAD_REQUEST;
}
