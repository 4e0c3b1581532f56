/** Whose request it is behind proxies: the last address of X-Forwarded-For, which the nearest of them has written. */
import { isIP } from 'node:net';
import type { RequestHead } from '../../http/request-head.ts';
import { trimBlanks } from '../../kernel/characters.ts';

/** `peer` when the field is absent, or its last element is no address. Only for a field that is believed. */
export function clientAddress({ forwardedFor }: RequestHead, peer: string): string {
  if (forwardedFor === '') return peer;
  const last = trimBlanks(forwardedFor, forwardedFor.lastIndexOf(',') + 1);
  return isIP(last) === 0 ? peer : last;
}
