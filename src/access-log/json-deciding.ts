/** What of an entry decides the fields of which part of a line (line-parts.ts). */
import type { Entry } from './entry.ts';
import { gzipRatio } from './json-values.ts';
import type { Deciding } from './line-parts.ts';
import { secondOf } from './times.ts';

/** The same durations and ids are absent. */
function isAsFar(one: Entry, other: Entry): boolean {
  return (
    one.requestId.length > 0 === other.requestId.length > 0 &&
    one.traceId.length > 0 === other.traceId.length > 0 &&
    one.spanId.length > 0 === other.spanId.length > 0 &&
    one.guard < 0 === other.guard < 0 &&
    one.queue < 0 === other.queue < 0 &&
    one.connect < 0 === other.connect < 0 &&
    one.lost < 0 === other.lost < 0 &&
    one.firstByte < 0 === other.firstByte < 0 &&
    one.data < 0 === other.data < 0 &&
    one.origin < 0 === other.origin < 0
  );
}

/** Where the number is the same so are all names, which there are too many of to be compared for each line. `one` is kept. */
function isAtPlace(one: Entry, other: Entry): boolean {
  if (one.upstreamAddress !== other.upstreamAddress) return false;
  if (one.place === other.place && one.place !== 0) return true;
  if (!hasTheSameNames(one, other)) return false;
  // A new table has new numbers.
  one.place = other.place;
  return true;
}

function hasTheSameNames(one: Entry, other: Entry): boolean {
  return (
    one.address === other.address &&
    one.frontendName === other.frontendName &&
    one.frontend === other.frontend &&
    (one.url === other.url || (one.url.startsWith('/') && other.url.startsWith('/'))) &&
    one.backendName === other.backendName &&
    one.backend === other.backend &&
    one.server === other.server
  );
}

export const DECIDING = {
  /** The second in which it began. */
  start: {
    key: ({ wall }) => secondOf(wall),
    values: ['wall'],
    isSame: (one, other) => secondOf(one.wall) === secondOf(other.wall),
  },
  /** That in which its line is made. */
  end: {
    key: ({ now }) => secondOf(now),
    values: ['now'],
    isSame: (one, other) => secondOf(one.now) === secondOf(other.now),
  },
  client: {
    key: ({ clientHost }) => clientHost,
    values: ['clientHost', 'clientAddress', 'user', 'tlsSubject', 'latin1'],
    isSame: (one, other) =>
      one.clientHost === other.clientHost &&
      one.clientAddress === other.clientAddress &&
      one.user === other.user &&
      one.tlsSubject === other.tlsSubject &&
      one.latin1 === other.latin1,
  },
  host: {
    key: ({ host }) => host,
    values: ['host', 'latin1'],
    isSame: (one, other) => one.host === other.host && one.latin1 === other.latin1,
  },
  /** Where it went, and how. Where `url` is the path of the request it stands in no field of this part. */
  course: {
    key: ({ address }) => address,
    values: [
      'place',
      'frontendName',
      'frontend',
      'address',
      'url',
      'backendName',
      'backend',
      'server',
      'upstreamAddress',
      'cause',
      'status',
      'originStatus',
      'method',
      'latin1',
      'protocol',
      'scheme',
      'entryPoint',
      'tries',
      'retries',
      'reused',
      'upstreamProtocol',
      'worker',
      'sampleRate',
      'cacheHit',
      'tlsVersion',
      'tlsCipher',
      'tlsResumed',
      'requestId',
      'traceId',
      'spanId',
      'guard',
      'queue',
      'connect',
      'lost',
      'firstByte',
      'data',
      'origin',
      'originBytes',
      'sentBytes',
    ],
    isSame: (one, other) =>
      one.status === other.status &&
      isAtPlace(one, other) &&
      one.originStatus === other.originStatus &&
      one.cause === other.cause &&
      one.method === other.method &&
      one.latin1 === other.latin1 &&
      one.protocol === other.protocol &&
      one.scheme === other.scheme &&
      one.entryPoint === other.entryPoint &&
      one.tries === other.tries &&
      one.retries === other.retries &&
      one.reused === other.reused &&
      one.upstreamProtocol === other.upstreamProtocol &&
      one.worker === other.worker &&
      one.sampleRate === other.sampleRate &&
      one.cacheHit === other.cacheHit &&
      one.tlsVersion === other.tlsVersion &&
      one.tlsCipher === other.tlsCipher &&
      one.tlsResumed === other.tlsResumed &&
      isAsFar(one, other) &&
      gzipRatio(one) < 0 === gzipRatio(other) < 0,
  },
} as const satisfies Readonly<Record<string, Deciding>>;
