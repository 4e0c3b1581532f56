/** One configured certificate with what became of it, and how it is told to workers and operators. */
import type { LineLevel } from '../../kernel/events.ts';
import type { Problem } from '../../kernel/problems.ts';
import type { WorkerCertificate } from '../../protocol/messages.ts';
import type { CertificateView } from '../view.ts';
import type { CertificatePairContent } from './certificate-pair.ts';

export type EntryProblem = {
  readonly kind: 'load' | 'shadowed' | 'expired' | 'early' | 'ocsp';
  readonly state: Problem['state'];
  readonly reason: string;
};

export type CertificateEntry = {
  /** The key below the prefix, or the entrypoint's option. */
  readonly from: string;
  /** Of its problems; '' when it does not come from a key. */
  readonly problemKey: string;
  /** Bit mask of the entrypoints that serve it by its names. */
  readonly entryPoints: number;
  /** See WorkerCertificate. */
  readonly precedence: string;
  /** As configured: each a path or PEM text. */
  readonly certText: string;
  readonly keyText: string;
  /** The newest one that could be used, null before the first. */
  pair: CertificatePairContent | null;
  /** What workers know of it. */
  published: WorkerCertificate | null;
  /** The pair in it. */
  publishedPair: CertificatePairContent | null;
  /** Bit mask of the entrypoints whose default it is. */
  defaultOf: number;
  staple: Uint8Array | null;
  /** Why the newest texts cannot be used; '' when they can. */
  loadProblem: string;
  /** Another entry that has the same names and stands before this one; '' for none. */
  shadowedBy: string;
  /** Why there is nothing to staple although there should be; '' otherwise. */
  ocspProblem: string;
  /** As it was last told. */
  told: EntryProblem | null;
  /** What the log was told of it (certificate-log.ts). */
  readonly log: CertificateTold;
  /** Paths that are watched for it. */
  files: readonly string[];
  /** It is gone: what was read meanwhile is dropped. */
  removed: boolean;
};

export type CertificateTold = {
  /** Of its trouble; null: it has none. */
  level: LineLevel | null;
  /** The last one of the steps to its end; -1: none. */
  step: number;
};

export function newEntry(
  given: Pick<CertificateEntry, 'from' | 'problemKey' | 'entryPoints' | 'precedence' | 'certText' | 'keyText'>,
): CertificateEntry {
  return {
    ...given,
    pair: null,
    published: null,
    publishedPair: null,
    defaultOf: 0,
    staple: null,
    loadProblem: '',
    shadowedBy: '',
    ocspProblem: '',
    told: null,
    log: { level: null, step: -1 },
    files: [],
    removed: false,
  };
}

function dateText(milliseconds: number): string {
  return new Date(milliseconds).toISOString().slice(0, 16).replace('T', ' ');
}

/** The gravest of what is wrong with it, null when all is well. `now`: Unix milliseconds. */
export function problemOf(entry: CertificateEntry, now: number): EntryProblem | null {
  const { pair, loadProblem, shadowedBy, ocspProblem } = entry;
  if (pair === null) return loadProblem === '' ? null : { kind: 'load', state: 'rejected', reason: loadProblem };
  if (loadProblem !== '') {
    return { kind: 'load', state: 'warned', reason: `${loadProblem}; the pair from before is still served` };
  }
  if (shadowedBy !== '') {
    return { kind: 'shadowed', state: 'ignored', reason: `${shadowedBy} has the same names and comes first` };
  }
  if (pair.notAfter < now) {
    return {
      kind: 'expired',
      state: 'warned',
      reason: `the certificate has expired on ${dateText(pair.notAfter)} UTC; it is served`,
    };
  }
  if (pair.notBefore > now) {
    return {
      kind: 'early',
      state: 'warned',
      reason: `the certificate is not valid before ${dateText(pair.notBefore)} UTC; it is served`,
    };
  }
  return ocspProblem === '' ? null : { kind: 'ocsp', state: 'warned', reason: ocspProblem };
}

function shared(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}

/** As workers are to know it; the old record itself when nothing has changed. */
export function workerCertificate(
  entry: CertificateEntry,
  pair: CertificatePairContent,
  newId: () => number,
): WorkerCertificate {
  const { published: old, entryPoints, defaultOf, precedence, staple } = entry;
  const samePair = old !== null && entry.publishedPair === pair;
  if (samePair && old.defaultOf === defaultOf && old.staple === staple) return old;
  return {
    id: newId(),
    entryPoints,
    defaultOf,
    names: entryPoints === 0 ? [] : pair.names,
    precedence,
    cert: samePair ? old.cert : shared(Buffer.from(pair.cert)),
    key: samePair ? old.key : shared(Buffer.from(pair.key)),
    fingerprint: pair.fingerprint,
    staple,
  };
}

function namesIn(mask: number, entryPoints: readonly string[]): string[] {
  return entryPoints.filter((_, index) => (mask & (1 << index)) !== 0);
}

export function viewOf(entry: CertificateEntry, entryPoints: readonly string[], now: number): CertificateView {
  const { pair } = entry;
  return {
    from: entry.from,
    entryPoints: namesIn(entry.entryPoints, entryPoints),
    defaultOf: namesIn(entry.defaultOf, entryPoints),
    names: pair?.names ?? [],
    commonName: pair?.commonName ?? '',
    dnsNames: pair?.dnsNames ?? [],
    serial: pair?.serial ?? '',
    keyType: pair?.keyType ?? '',
    notBefore: pair?.notBefore ?? 0,
    notAfter: pair?.notAfter ?? 0,
    stapled: entry.staple !== null,
    problem: problemOf(entry, now)?.reason ?? '',
  };
}
