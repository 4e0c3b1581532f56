/** The proxies that can take part, in the order in which they take turns. */
import { join } from 'node:path';
import { caddy } from './caddy.ts';
import { haproxy } from './haproxy.ts';
import { least } from './least.ts';
import { nginx } from './nginx.ts';
import type { Peer } from './peer.ts';
import { traefik } from './traefik.ts';
import { LIKE_PEERS, tsujiAt } from './tsuji.ts';

const ROOT = join(import.meta.dirname, '../..');

export const PEERS: readonly Peer[] = [
  nginx,
  haproxy,
  caddy,
  traefik,
  tsujiAt(ROOT, 'tsuji', LIKE_PEERS),
  tsujiAt(ROOT, 'tsuji-pipelining', [...LIKE_PEERS, '--upstream.pipelining=16']),
  least('least', 1),
  least('least-pipelining', 16),
];
