/**
 * `hash`: the same client, host, URL, header or cookie goes to the same server, on every worker and every tsuji.
 *
 * Rendezvous hashing (Thaler and Ravishankar 1998): every server gets a score from the request's hash and its own URL, and
 * the highest wins. A server that goes takes only its own keys along, one that comes takes from each its share, and weights
 * hold exactly. Every server is looked at; there is no ring to build when servers change.
 *
 * Bounded load (Mirrokni, Thorup, Zadimoghaddam 2016): a server that has more than `bound` percent of its share of what is
 * in flight is passed over for the next highest, so that one hot key cannot drown one server.
 */

import { cookieValue } from '../../http/cookies.ts';
import type { RequestHead } from '../../http/request-head.ts';
import { type HashSource, parseHashSource } from '../../kernel/balancing-options.ts';
import type { ServerView } from '../../table/views.ts';
import type { Peer } from '../middleware.ts';
import { type Chooser, NO_HASH, RoundRobin } from './choosers.ts';
import type { Rotation } from './rotation.ts';
import { wasTried } from './tried.ts';

/** So much a server always takes: the few requests that one browser has open at once stay together on an idle backend. */
export const ALWAYS_TAKEN = 8;

/** The finish of MurmurHash3: every bit of the input moves every bit of the result. */
function mixed(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** FNV-1a over UTF-16 code units, mixed. 0 to 2³² − 1. */
export function textHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return mixed(hash);
}

/** What a request is told by. NO_HASH when it does not have that: then its turn decides. */
export class HashKey {
  private readonly source: HashSource;

  constructor(key: string) {
    this.source = parseHashSource(key) ?? { from: 'ip' };
  }

  of(head: RequestHead, from: Peer): number {
    const { source } = this;
    switch (source.from) {
      case 'ip':
        return textHash(from.peerAddress());
      case 'host':
        return textHash(head.host.toLowerCase());
      case 'uri':
        return textHash(head.target);
      case 'path':
        return textHash(head.path);
      case 'header': {
        if (source.name === 'host') return textHash(head.host.toLowerCase());
        const values = head.values(source.name);
        return values.length === 0 ? NO_HASH : textHash(values[0]);
      }
      case 'cookie': {
        const value = cookieValue(head.values('cookie'), source.name);
        return value === null ? NO_HASH : textHash(value);
      }
    }
  }
}

export class ConsistentHash implements Chooser {
  private readonly bound: number;
  private readonly byTurn = new RoundRobin();
  private version = -1;
  private seeds: readonly number[] = [];
  private sumOfWeights = 0;

  /** `bound`: percent, 0 for none. */
  constructor(bound: number) {
    this.bound = bound / 100;
  }

  choose(rotation: Rotation, tried: readonly ServerView[], hash: number): ServerView {
    if (hash === NO_HASH) return this.byTurn.choose(rotation, tried);
    if (rotation.version !== this.version) this.learn(rotation);
    const highest = this.highest(rotation, tried, hash, Number.POSITIVE_INFINITY);
    const { state, servers } = rotation;
    if (this.bound === 0 || highest < 0 || state.inFlight(servers[highest].slot) < ALWAYS_TAKEN) {
      return servers[highest < 0 ? 0 : highest];
    }
    let inFlight = 1;
    for (const { slot } of servers) inFlight += state.inFlight(slot);
    const within = this.highest(rotation, tried, hash, (this.bound * inFlight) / this.sumOfWeights);
    return servers[within < 0 ? highest : within];
  }

  chances(rotation: Rotation, hash: number): readonly number[] {
    if (hash === NO_HASH) return this.byTurn.chances(rotation);
    const chosen = this.choose(rotation, [], hash);
    return rotation.servers.map((server) => (server === chosen ? 1 : 0));
  }

  /** Index of the highest score among those that have less in flight than `perWeight` allows; -1 for none. */
  private highest(
    { servers, weights, state }: Rotation,
    tried: readonly ServerView[],
    hash: number,
    perWeight: number,
  ) {
    let best = -1;
    let bestScore = -1;
    for (let i = 0; i < servers.length; i++) {
      // With -ln(u) spread exponentially, the greatest w / -ln(u) falls to each server in proportion to its w.
      const score = weights[i] / -Math.log((mixed(hash ^ this.seeds[i]) + 0.5) / 0x1_0000_0000);
      if (score <= bestScore || (tried.length > 0 && wasTried(servers[i], tried))) continue;
      if (perWeight !== Number.POSITIVE_INFINITY) {
        const limit = Math.max(ALWAYS_TAKEN, Math.ceil(perWeight * weights[i]));
        if (state.inFlight(servers[i].slot) >= limit) continue;
      }
      best = i;
      bestScore = score;
    }
    return best;
  }

  private learn({ servers, weights, version }: Rotation): void {
    this.version = version;
    this.seeds = servers.map(({ url }) => textHash(url));
    this.sumOfWeights = weights.reduce((sum, weight) => sum + weight, 0);
  }
}
