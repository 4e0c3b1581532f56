/**
 * Gives one object to all exchanges that went the same way (src/access-log/course.ts): what is compared here once is neither kept nor
 * compared for each line.
 */
import { Course } from '../../access-log/course.ts';
import { owned } from '../../kernel/owned-text.ts';
import type { ServerView } from '../../table/views.ts';
import type { Outcome } from '../exchange/outcome.ts';
import type { ExchangeRecord } from './exchange-record.ts';
import type { Place } from './place.ts';

/** Whose courses are kept: those with other numbers give way. */
const MOST_PLACES = 4_096;
/** Of one place. */
const MOST = 16;
/** A longer one is nobody's that comes again, and is not kept. */
const LONGEST_METHOD = 32;

/** By their number, since a place holds on to its table. */
type Kept = { readonly number: number; readonly courses: Course[] };

export class Courses {
  private readonly worker: number;
  private readonly entryPoints: readonly string[];
  private readonly is17: boolean;
  private readonly kept = new Array<Kept | null>(MOST_PLACES).fill(null);
  private given = 0;

  /** `entryPoints`: their names. `is17`: answers of ours have the path of the request where a server has its URL. */
  constructor(worker: number, entryPoints: readonly string[], is17: boolean) {
    this.worker = worker;
    this.entryPoints = entryPoints;
    this.is17 = is17;
  }

  /** Of an exchange that came to `place`: that of its server, where it came to any. `sampleRate`, `cacheHit`: as of Course. */
  of(
    place: Place,
    outcome: Outcome,
    record: ExchangeRecord,
    originStatus: number,
    sampleRate: number,
    cacheHit: boolean | null,
  ): Course {
    const { number } = place;
    const last = this.kept[number % MOST_PLACES];
    const { courses } = last !== null && last.number === number ? last : this.keep(number);
    for (let i = 0; i < courses.length; i++) {
      const known = courses[i];
      if (
        known.originStatus === originStatus &&
        known.sampleRate === sampleRate &&
        known.cacheHit === cacheHit &&
        this.isOf(known, outcome, record)
      )
        return known;
    }
    const course = this.make(place, outcome, record);
    course.originStatus = originStatus;
    course.sampleRate = sampleRate;
    course.cacheHit = cacheHit;
    if (course.method.length <= LONGEST_METHOD) {
      courses[courses.length < MOST ? courses.length : this.given++ % MOST] = course;
    }
    return course;
  }

  private keep(number: number): Kept {
    const kept = { number, courses: [] };
    this.kept[number % MOST_PLACES] = kept;
    return kept;
  }

  /** Of those at one place, whose names are the same where it has a server. */
  private isOf(course: Course, outcome: Outcome, record: ExchangeRecord): boolean {
    const { tls } = record;
    return (
      course.status === outcome.status &&
      course.cause === outcome.cause &&
      course.tries === outcome.tries &&
      course.reused === outcome.marks.isReused &&
      course.method === outcome.method &&
      course.latin1 === record.latin1 &&
      course.upstreamAddress === record.upstreamAddress &&
      course.upstreamProtocol === record.upstreamProtocol &&
      course.protocol === record.protocol &&
      (course.scheme === 'https') === record.isSecure &&
      course.entryPoint === this.entryPoints[outcome.entryPoint] &&
      course.tlsVersion === (tls === null ? '' : tls.version) &&
      course.tlsCipher === (tls === null ? '' : tls.cipher) &&
      course.tlsResumed === (tls?.resumed === true) &&
      course.frontend === (outcome.frontend === null ? '' : outcome.frontend.name) &&
      course.backend === (outcome.backend === null ? '' : outcome.backend.name) &&
      course.server === (lastServer(outcome)?.name ?? '')
    );
  }

  private make(place: Place, outcome: Outcome, record: ExchangeRecord): Course {
    const { tls } = record;
    const { server } = place;
    return Object.assign(new Course(), {
      frontendName: place.frontend,
      backendName: place.backend,
      url: server === null ? '' : server.url,
      hasPathAsUrl: server === null && place.isOrigin && this.is17,
      address: server === null ? '' : server.address,
      frontend: outcome.frontend?.name ?? '',
      backend: outcome.backend?.name ?? '',
      server: lastServer(outcome)?.name ?? '',
      upstreamAddress: record.upstreamAddress,
      upstreamProtocol: record.upstreamProtocol,
      reused: outcome.marks.isReused,
      status: outcome.status,
      cause: outcome.cause,
      tries: outcome.tries,
      method: owned(outcome.method),
      latin1: record.latin1,
      protocol: record.protocol,
      scheme: record.isSecure ? ('https' as const) : ('http' as const),
      entryPoint: this.entryPoints[outcome.entryPoint],
      worker: this.worker,
      tlsVersion: tls?.version ?? '',
      tlsCipher: tls?.cipher ?? '',
      tlsResumed: tls?.resumed === true,
    });
  }
}

/** That was asked, null for none. */
export function lastServer({ server, marks }: Outcome): ServerView | null {
  return server ?? marks.failed.at(-1)?.server ?? null;
}
