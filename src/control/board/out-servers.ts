/** Servers that are out, and what they have in common: one reason, one network, one host. Pure. */
import { isIP } from 'node:net';
import type { Text } from '../admin/ui-api/shapes.ts';
import { countOf } from './words.ts';

export type OutServer = {
  readonly backend: string;
  readonly server: string;
  readonly host: string;
  readonly state: string;
  /** Why, in the words of a check or a connection; '' when it is not known. */
  readonly reason: string;
};

const CODE = /\bE[A-Z]{3,}\b|\b(?:answered|status) \d{3}\b|\btime(?:d )?out\b/i;

/** What is the same in the reasons of many: `ECONNREFUSED`, `answered 500`. */
export function shortReason(reason: string): string {
  return CODE.exec(reason)?.[0] ?? reason.slice(0, 80);
}

/** Of IPv4 the /24, of IPv6 the /64; '' for a name. */
export function networkOf(host: string): string {
  const version = isIP(host);
  if (version === 4) return `${host.split('.').slice(0, 3).join('.')}.0/24`;
  if (version !== 6) return '';
  const [head, tail] = host.split('::');
  const groups = head.split(':');
  const before = tail === undefined ? groups : [...groups, ...Array(8 - groups.length).fill('0')];
  return `${before.slice(0, 4).join(':')}::/64`;
}

function onlyOf(values: readonly string[]): string {
  const [first] = values;
  return values.length > 0 && values.every((value) => value === first) ? first : '';
}

/** Where they are: ` on 10.0.1.4`, ` in 10.0.1.0/24`, ` in 4 networks`; '' for a single one. */
function placeOf(out: readonly OutServer[]): string {
  if (out.length < 2) return '';
  const host = onlyOf(out.map((server) => server.host));
  if (host !== '') return `, all on ${host}`;
  const networks = new Set(out.map((server) => networkOf(server.host)));
  if (networks.size > 1) return networks.has('') ? '' : `, in ${networks.size} networks`;
  const [network] = networks;
  return network === '' ? '' : `, all in ${network}`;
}

/** Behind the colon: why and where. `[]` when nothing is known. */
export function commonText(out: readonly OutServer[]): Text {
  const reasons = new Map<string, number>();
  for (const { reason, state } of out) {
    const short = reason === '' ? state : shortReason(reason);
    reasons.set(short, (reasons.get(short) ?? 0) + 1);
  }
  const [most, ...others] = [...reasons].sort(([, one], [, other]) => other - one);
  if (most === undefined) return [];
  const rest = others.length > 0 ? ` and ${countOf(others.length, 'other reason')}` : '';
  return [['code', most[0]], `${rest}${placeOf(out)}`];
}
