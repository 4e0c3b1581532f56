/** Whether a 101 is an answer to the upgrade that was asked for (RFC 9110 §7.8, RFC 6455 §4.1). */
import { createHash } from 'node:crypto';
import { headField, listMembers } from './fields.ts';
import type { RequestHead } from './request-head.ts';

/** RFC 6455 §1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/**
 * Does a client that asks for this (the value of `Upgrade`) go on without it? One that offers HTTP/2 or TLS does (RFC 7540
 * §3.2, RFC 2817 §3), and whoever wants a WebSocket reads an answer. Others, such as docker's `tcp`, wait for a 101.
 */
export function isOptionalUpgrade(upgrade: string): boolean {
  return listMembers(upgrade).some(
    (protocol) =>
      protocol === 'websocket' || protocol === 'h2' || protocol === 'h2c' || /^(?:http|tls|ssl)(?:\/|$)/.test(protocol),
  );
}

/** The request asks for another protocol, which its server may agree to. That of HTTP/2 is given up (RFC 9113 §3.1). */
export function asksForTunnel({ upgrade, old }: RequestHead): boolean {
  return upgrade !== '' && !old && !listMembers(upgrade).includes('h2c');
}

/**
 * What is wrong with the 101, '' for nothing. `asked`: the request's Upgrade. `key`: its Sec-WebSocket-Key, '' for none.
 * `agreed`: the Upgrade of the 101, '' for none. `head`: its text, a line each.
 */
export function upgradeProblem(asked: string, key: string, agreed: string, head: string): string {
  const wanted = new Set(listMembers(asked));
  const got = listMembers(agreed);
  if (got.length === 0) return 'a 101 without Upgrade';
  if (!got.every((protocol) => wanted.has(protocol))) return 'a 101 for another protocol';
  if (key === '' || !got.includes('websocket')) return '';
  const accept = createHash('sha1')
    .update(key + GUID, 'latin1')
    .digest('base64');
  return headField(head, 'sec-websocket-accept') === accept ? '' : 'a 101 with the Sec-WebSocket-Accept of another key';
}
