/** What Go calls a status (net/http, 1.16): '' for one that it does not know. */
import { http } from '../kernel/node-http.ts';

const OTHERS: Readonly<Record<number, string>> = {
  413: 'Request Entity Too Large',
  414: 'Request URI Too Long',
  416: 'Requested Range Not Satisfiable',
  418: "I'm a teapot",
  509: '',
};

const lines = new Map<number, string>();

/** `200 OK`; an unknown one ends in its blank. */
export function statusLine(status: number): string {
  let line = lines.get(status);
  if (line === undefined) {
    line = `${String(status).padStart(3, '0')} ${OTHERS[status] ?? http.STATUS_CODES[status] ?? ''}`;
    // A server may say any of a thousand.
    lines.set(status, line);
  }
  return line;
}
