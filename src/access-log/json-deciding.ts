/** What of an entry decides the fields of which part of a line (line-parts.ts). */
import { isSameCourse } from './course.ts';
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

/** Nearly always it is the same one. `one` is kept. */
function isOnCourse(one: Entry, other: Entry): boolean {
  if (one.course === other.course) return true;
  if (!isSameCourse(one.course, other.course)) return false;
  one.course = other.course;
  return true;
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
  /** Where it went, and how far. Where the path is its URL that stands in no field of this part. */
  course: {
    key: ({ course }) => course.address,
    values: [
      'course',
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
      isOnCourse(one, other) && isAsFar(one, other) && gzipRatio(one) < 0 === gzipRatio(other) < 0,
  },
} as const satisfies Readonly<Record<string, Deciding>>;
