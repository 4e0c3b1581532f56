/**
 * All certificates of this tsuji: those of the entrypoints, those of the keys, and a self-signed one. Each is read,
 * checked and told to the workers; what cannot be used costs nobody else anything.
 *
 *     entrypoints ─┐                     ┌─ file changed
 *     model ───────┴▶ entries ─▶ queue ◀─┘   read, check ─▶ publish ─▶ workers: added, removed
 *
 * The main thread serves admin pages and changes of routes meanwhile: it works in slices.
 */

import type { EntryPoint } from '../../kernel/entrypoint-options.ts';
import { reasonOf } from '../../kernel/errors.ts';
import { tellOwnError } from '../../kernel/own-error.ts';
import type { Problem } from '../../kernel/problems.ts';
import type { ConfiguredCertificate } from '../../model/model.ts';
import type { Changed } from '../../model/next-model.ts';
import type { WorkerCertificate } from '../../protocol/messages.ts';
import { attempt, guarded } from '../guarded.ts';
import type { CertificateView } from '../view.ts';
import { type CertificateEntry, newEntry, problemOf, viewOf, workerCertificate } from './certificate-entry.ts';
import { tellExpiry, tellLoaded, tellProblem } from './certificate-log.ts';
import { readPair } from './certificate-pair.ts';
import { Defaults } from './defaults.ts';
import { FileWatch } from './file-watch.ts';
import { OcspStapler } from './ocsp-stapler.ts';
import { fileStamp, isPemText, readPemText } from './pem-text.ts';

/** How long certificates are checked before something else may run, milliseconds. */
const SLICE_MS = 8;
/** Of a long load workers hear so often, milliseconds. */
const PUBLISH_MS = 250;
/** How often it is asked whether a certificate has expired. */
const EXPIRY_MS = 60_000;

export type CertificatesOptions = {
  readonly entryPoints: readonly Pick<EntryPoint, 'name' | 'tls'>[];
  /** Ask the responders of certificates for OCSP responses. */
  readonly fetchesOcsp: boolean;
  readonly onPublish: (added: readonly WorkerCertificate[], removed: readonly number[]) => void;
  /** A view or a problem has changed. */
  readonly onChange: () => void;
};

/** The self-signed one may be nobody's default. */
function isUsed({ entryPoints, defaultOf }: CertificateEntry): boolean {
  return (entryPoints | defaultOf) !== 0;
}

export class Certificates {
  private readonly options: CertificatesOptions;
  private readonly names: readonly string[];
  private readonly defaults: Defaults;
  private readonly dynamic = new Map<string, CertificateEntry>();
  private readonly watch: FileWatch<CertificateEntry>;
  private readonly stapler: OcspStapler;
  /** To be read, in the order of arrival. */
  private readonly queue = new Set<CertificateEntry>();
  /** Read since workers were last told. */
  private readonly loaded: CertificateEntry[] = [];
  private readonly removedIds: number[] = [];
  private readonly problemsByKey = new Map<string, Problem>();
  private working = false;
  private idle = Promise.resolve();
  private expiry: NodeJS.Timeout | null = null;
  private lastId = 0;
  private stopped = false;

  constructor(options: CertificatesOptions) {
    this.options = options;
    this.names = options.entryPoints.map(({ name }) => name);
    this.defaults = new Defaults(options.entryPoints);
    this.watch = new FileWatch((entry) => this.read([entry]));
    this.stapler = new OcspStapler({
      fetches: options.fetchesOcsp,
      entries: () => this.all().filter(isUsed),
      onChange: () => this.publish(),
    });
  }

  /** Resolves when all that the entrypoints name was read. Without TLS anywhere nothing is done at all. */
  async start(): Promise<void> {
    if (this.defaults.isIdle) return;
    this.read(this.defaults.entries);
    await this.idle;
    if (this.defaults.needsSelfSigned()) {
      await this.defaults.makeSelfSigned();
      this.read(this.defaults.entries);
      await this.idle;
    }
    this.expiry = setInterval(
      guarded('certificates', () => this.tellProblems()),
      EXPIRY_MS,
    );
    this.expiry.unref();
    this.stapler.start();
  }

  /** Resolves when those whose files have changed were read. */
  async lookNow(): Promise<void> {
    await this.watch.lookNow();
    await this.idle;
  }

  stop(): void {
    this.stopped = true;
    if (this.expiry !== null) clearInterval(this.expiry);
    this.watch.stop();
    this.stapler.stop();
  }

  apply(configured: ReadonlyMap<string, ConfiguredCertificate>, changed: Changed<unknown>): void {
    if (changed.size === 0 || this.stopped) return;
    const toRead: CertificateEntry[] = [];
    for (const name of changed.keys()) {
      attempt(`certificate ${name}`, () => {
        const entry = this.follow(name, configured.get(name));
        if (entry !== null) toRead.push(entry);
      });
    }
    this.read(toRead);
  }

  /** The entry that is to be read, null for none. */
  private follow(name: string, now: ConfiguredCertificate | undefined): CertificateEntry | null {
    const before = this.dynamic.get(name);
    if (now === undefined) {
      if (before !== undefined) this.forget(before);
      this.dynamic.delete(name);
      return null;
    }
    const entry = this.fromKeys(now);
    if (before !== undefined) this.succeed(before, entry);
    this.dynamic.set(name, entry);
    return entry;
  }

  /** As workers know them. */
  published(): WorkerCertificate[] {
    return this.all().flatMap(({ published }) => published ?? []);
  }

  views(): CertificateView[] {
    const now = Date.now();
    return this.all()
      .filter(isUsed)
      .map((entry) => viewOf(entry, this.names, now));
  }

  problems(): ReadonlyMap<string, Problem> {
    return this.problemsByKey;
  }

  private all(): CertificateEntry[] {
    return [...this.defaults.entries, ...this.dynamic.values()];
  }

  private fromKeys({ name, key, entryPoints, certText, keyText }: ConfiguredCertificate): CertificateEntry {
    return newEntry({
      from: key,
      problemKey: `${key}/certificate/certfile`,
      entryPoints: entryPoints.reduce((mask, entryPoint) => mask | (1 << this.names.indexOf(entryPoint)), 0),
      precedence: `1${name}`,
      certText,
      keyText,
    });
  }

  /** The texts have changed. Until the new ones are found good, and if they are not, the old pair is served. */
  private succeed(before: CertificateEntry, after: CertificateEntry): void {
    this.drop(before);
    after.pair = before.pair;
    after.published = before.published;
    after.publishedPair = before.publishedPair;
    after.staple = before.staple;
    Object.assign(after.log, before.log);
  }

  private forget(entry: CertificateEntry): void {
    this.drop(entry);
    if (entry.published !== null) this.removedIds.push(entry.published.id);
  }

  private drop(entry: CertificateEntry): void {
    entry.removed = true;
    this.queue.delete(entry);
    this.problemsByKey.delete(entry.problemKey);
    for (const path of entry.files) this.watch.remove(path, entry);
  }

  private read(entries: readonly CertificateEntry[]): void {
    for (const entry of entries) if (!entry.removed) this.queue.add(entry);
    if (this.working || this.stopped) return;
    this.working = true;
    this.idle = this.work().catch((error: unknown) => {
      this.working = false;
      tellOwnError('certificates', error);
    });
  }

  private async work(): Promise<void> {
    let sliceEnd = performance.now() + SLICE_MS;
    let publishAt = performance.now() + PUBLISH_MS;
    for (const entry of this.queue) {
      this.queue.delete(entry);
      await this.load(entry).catch((error: unknown) => tellOwnError(`certificate ${entry.from}`, error));
      if (performance.now() > sliceEnd) {
        if (performance.now() > publishAt) {
          this.publishLoaded();
          publishAt = performance.now() + PUBLISH_MS;
        }
        await new Promise(setImmediate);
        sliceEnd = performance.now() + SLICE_MS;
      }
      if (this.stopped) return;
    }
    // In this order and without a pause: what comes later begins anew.
    this.working = false;
    this.publish();
  }

  private async load(entry: CertificateEntry): Promise<void> {
    const files = [entry.certText, entry.keyText].filter((text) => !isPemText(text));
    // Before they are read: what is written in between is noticed.
    const stamps = await Promise.all(files.map(fileStamp));
    let reason = '';
    try {
      const cert = await readPemText('certfile', entry.certText);
      const key = await readPemText('keyfile', entry.keyText);
      if (entry.pair === null || entry.pair.key !== key || entry.pair.source !== cert) {
        entry.pair = readPair(cert, key);
        entry.staple = null;
      }
    } catch (error) {
      reason = reasonOf(error);
    }
    entry.loadProblem = reason;
    if (entry.removed) return;
    files.forEach((path, i) => void this.watch.add(path, stamps[i], entry));
    entry.files = files;
    this.loaded.push(entry);
  }

  private publish(): void {
    this.defaults.choose();
    this.findShadowed();
    this.tell(this.all());
    this.loaded.length = 0;
    this.tellProblems();
    this.options.onChange();
  }

  /** In the middle of a long load: what is there so far is served, and judged together with the rest later. */
  private publishLoaded(): void {
    this.tell(this.loaded.splice(0).filter(({ removed }) => !removed));
  }

  private tell(entries: readonly CertificateEntry[]): void {
    const added: WorkerCertificate[] = [];
    const removed = this.removedIds.splice(0);
    for (const entry of entries) {
      if (entry.pair === null) continue;
      const next = isUsed(entry) ? workerCertificate(entry, entry.pair, () => ++this.lastId) : null;
      if (next === entry.published) continue;
      if (entry.published !== null) removed.push(entry.published.id);
      if (next !== null) added.push(next);
      if (next !== null && entry.publishedPair !== entry.pair) tellLoaded(entry);
      entry.published = next;
      entry.publishedPair = entry.pair;
    }
    if (added.length > 0 || removed.length > 0) this.options.onPublish(added, removed);
  }

  /** Of two with the same set of names on one entrypoint the later one is never served (kv-schema §7). */
  private findShadowed(): void {
    const first = new Map<string, CertificateEntry>();
    const entries = this.all().filter(({ pair, entryPoints }) => pair !== null && entryPoints !== 0);
    for (const entry of entries) {
      for (const key of this.servedSets(entry)) {
        const other = first.get(key);
        if (other === undefined || entry.precedence < other.precedence) first.set(key, entry);
      }
    }
    for (const entry of entries) {
      const holders = this.servedSets(entry).map((key) => first.get(key)!);
      entry.shadowedBy = holders.includes(entry) ? '' : holders[0].from;
    }
  }

  /** One text per entrypoint that serves it and its set of names. */
  private servedSets({ entryPoints, pair }: CertificateEntry): string[] {
    const sets: string[] = [];
    for (let bit = 0; bit < this.names.length; bit++) {
      if ((entryPoints & (1 << bit)) !== 0) sets.push(`${bit} ${pair!.namesKey}`);
    }
    return sets;
  }

  private tellProblems(): void {
    const now = Date.now();
    for (const entry of this.all()) {
      const problem = problemOf(entry, now);
      tellExpiry(entry, now);
      if (problem?.state === entry.told?.state && problem?.reason === entry.told?.reason) continue;
      entry.told = problem;
      tellProblem(entry, problem);
      if (entry.problemKey === '') continue;
      if (problem === null) this.problemsByKey.delete(entry.problemKey);
      else {
        const { state, reason } = problem;
        this.problemsByKey.set(entry.problemKey, { key: entry.problemKey, state, reason });
      }
    }
  }
}
