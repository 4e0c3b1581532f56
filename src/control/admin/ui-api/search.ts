/** What the search finds: eight of everything that has a name, the best matches first. */
import type { Board } from '../../board/board.ts';
import type { SearchHit } from './shapes.ts';

const MOST_HITS = 8;
/** Of one kind, so that each has a chance. */
const MOST_OF_KIND = 4;
const LONGEST = 200;

type Found = SearchHit & { readonly rank: number };

/** 0 for the same, 1 for its beginning, 2 for a part; -1: it is none. */
function rankOf(text: string, wanted: string): number {
  const at = text.toLowerCase().indexOf(wanted);
  if (at < 0) return -1;
  return at > 0 ? 2 : text.length === wanted.length ? 0 : 1;
}

class Hits {
  readonly found: Found[] = [];
  private readonly wanted: string;
  private readonly counts = new Map<string, number>();

  constructor(wanted: string) {
    this.wanted = wanted;
  }

  look(kind: string, text: string, detail: string, place: string): void {
    const rank = rankOf(text, this.wanted);
    const count = this.counts.get(kind) ?? 0;
    // Exact ones always have room.
    if (rank < 0 || (count >= MOST_OF_KIND && rank > 0)) return;
    this.counts.set(kind, count + 1);
    this.found.push({ kind, text, detail, place, rank });
  }
}

function hostsOf(rule: string): string[] {
  return rule.split(';').flatMap((part) => {
    const [, hosts] = /^\s*Host\w*\s*:(.*)$/.exec(part) ?? [];
    return hosts === undefined ? [] : hosts.split(',').map((host) => host.trim());
  });
}

export function searchFor({ backends, frontends, view }: Board, q: string): SearchHit[] {
  const wanted = q.trim().slice(0, LONGEST).toLowerCase();
  if (wanted === '') return [];
  const hits = new Hits(wanted);
  for (const { thing } of frontends.values()) {
    const place = `/frontends/${encodeURIComponent(thing.name)}`;
    hits.look('frontend', thing.name, `leads to ${thing.backend}`, place);
    for (const { rule } of thing.routes) for (const host of hostsOf(rule)) hits.look('host', host, thing.name, place);
  }
  for (const { name, servers, up, want } of backends.values()) {
    const place = `/backends/${encodeURIComponent(name)}`;
    hits.look('backend', name, `${up} of ${want} servers`, place);
    for (const { server, state } of servers) {
      const own = `${place}/${encodeURIComponent(server.name)}`;
      hits.look('server', `${name}/${server.name}`, state, own);
      hits.look('address', server.url, `${name}/${server.name}`, own);
    }
  }
  for (const { names, from } of view.certificates()) {
    for (const name of names) hits.look('certificate', name, from, '/certificates');
  }
  return hits.found
    .sort(
      (one, other) => one.rank - other.rank || one.text.length - other.text.length || (one.text < other.text ? -1 : 1),
    )
    .slice(0, MOST_HITS)
    .map(({ kind, text, detail, place }) => ({ kind, text, detail, place }));
}
