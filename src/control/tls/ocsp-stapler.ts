/**
 * Gets the OCSP response of each certificate and keeps it fresh: from a file beside the certificate (`<certfile>.ocsp`,
 * DER, as HAProxy has it) or, with `--tls.ocsp`, from the responder that the certificate names. What cannot be shown is
 * reported; a response that holds is shown until its end, whatever the next question brings. One that says revoked ends
 * what was shown before.
 */
import { readFile } from 'node:fs/promises';
import { reasonOf, TsujiError } from '../../kernel/errors.ts';
import { tellOwnError } from '../../kernel/own-error.ts';
import { attempt, guarded } from '../guarded.ts';
import type { CertificateEntry } from './certificate-entry.ts';
import type { CertificatePairContent } from './certificate-pair.ts';
import { fileStamp, isPemText } from './pem-text.ts';

const LOOK_MS = 5000;
/** After a failure: responders are asked again no sooner. */
const RETRY_MS = 5 * 60_000;
const FETCH_MS = 10_000;
const MAX_RESPONSE_BYTES = 65_536;

type Followed = {
  pair: CertificatePairContent;
  /** Unix milliseconds. */
  askAt: number;
  /** Until then the response that is stapled may be shown. */
  goodUntil: number;
  /** Of the file that was read, '' for none. */
  stamp: string;
};

export type StaplerOptions = {
  /** Ask responders. */
  readonly fetches: boolean;
  /** The certificates that are in use. */
  readonly entries: () => readonly CertificateEntry[];
  /** A staple or a problem has changed. */
  readonly onChange: () => void;
};

/** @throws Error when the responder cannot be asked */
async function ask(url: string, pair: CertificatePairContent): Promise<Uint8Array> {
  const { ocspRequest } = await import('./ocsp.ts');
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/ocsp-request' },
    body: new Uint8Array(await ocspRequest(pair.certificate, pair.issuer!)),
    signal: AbortSignal.timeout(FETCH_MS),
  });
  if (!response.ok) throw new Error(`status ${response.status}`);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_RESPONSE_BYTES) throw new Error('its answer is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export class OcspStapler {
  private readonly options: StaplerOptions;
  private readonly followed = new WeakMap<CertificateEntry, Followed>();
  private timer: NodeJS.Timeout | null = null;
  private stopped = false;

  constructor(options: StaplerOptions) {
    this.options = options;
  }

  start(): void {
    guarded('OCSP', () => this.look())();
  }

  stop(): void {
    this.stopped = true;
    if (this.timer !== null) clearTimeout(this.timer);
  }

  private async look(): Promise<void> {
    let changed = false;
    for (const entry of this.options.entries()) {
      if (this.stopped) return;
      if (entry.pair !== null && !entry.removed) changed = (await this.updateSafely(entry, entry.pair)) || changed;
    }
    if (this.stopped) return;
    if (changed) attempt('OCSP', () => this.options.onChange());
    this.timer = setTimeout(
      guarded('OCSP', () => this.look()),
      LOOK_MS,
    );
    this.timer.unref();
  }

  private follow(entry: CertificateEntry, pair: CertificatePairContent): Followed {
    let followed = this.followed.get(entry);
    if (followed === undefined || followed.pair !== pair) {
      followed = { pair, askAt: 0, goodUntil: 0, stamp: '' };
      this.followed.set(entry, followed);
      entry.staple = null;
      entry.ocspProblem = '';
    }
    return followed;
  }

  private async updateSafely(entry: CertificateEntry, pair: CertificatePairContent): Promise<boolean> {
    try {
      return await this.update(entry, pair);
    } catch (error) {
      tellOwnError(`OCSP of ${entry.from}`, error);
      return false;
    }
  }

  /** True when the entry has changed. */
  private async update(entry: CertificateEntry, pair: CertificatePairContent): Promise<boolean> {
    const before = { staple: entry.staple, problem: entry.ocspProblem };
    const followed = this.follow(entry, pair);
    if (entry.staple !== null && followed.goodUntil <= Date.now()) entry.staple = null;
    const file = isPemText(entry.certText) ? '' : `${entry.certText}.ocsp`;
    const stamp = file === '' ? 'ENOENT' : await fileStamp(file);
    if (stamp !== 'ENOENT') {
      if (stamp !== followed.stamp || followed.askAt <= Date.now())
        await this.take(entry, followed, () => readFile(file));
      followed.stamp = stamp;
    } else if (this.options.fetches && followed.askAt <= Date.now()) {
      await this.fetch(entry, followed);
    }
    return entry.staple !== before.staple || entry.ocspProblem !== before.problem;
  }

  private async fetch(entry: CertificateEntry, followed: Followed): Promise<void> {
    const { responderOf } = await import('./ocsp.ts');
    const url = responderOf(followed.pair.certificate);
    // A certificate without a responder wants no staple.
    if (url === '') followed.askAt = Number.POSITIVE_INFINITY;
    else {
      await this.take(entry, followed, async () => {
        if (followed.pair.issuer === null) throw new Error('certfile lacks the certificate of the issuer');
        return ask(url, followed.pair);
      });
    }
  }

  private async take(entry: CertificateEntry, followed: Followed, get: () => Promise<Uint8Array>): Promise<void> {
    const { pair } = followed;
    const now = Date.now();
    try {
      const der = await get();
      if (pair.issuer === null) throw new Error('certfile lacks the certificate of the issuer');
      const { checkOcspResponse } = await import('./ocsp.ts');
      const { thisUpdate, nextUpdate } = await checkOcspResponse(der, pair.certificate, pair.issuer, now);
      if (entry.staple === null || Buffer.compare(entry.staple, der) !== 0) entry.staple = der;
      entry.ocspProblem = '';
      followed.goodUntil = nextUpdate;
      // Anew when half of its time is over, but at least so often that a short-lived one does not run out.
      followed.askAt = Math.max(now + LOOK_MS, (thisUpdate + nextUpdate) / 2);
    } catch (error) {
      followed.askAt = now + RETRY_MS;
      const reason = reasonOf(error);
      entry.ocspProblem = error instanceof TsujiError ? reason : `no OCSP response: ${reason}`;
      if (error instanceof TsujiError && error.code === 'OCSP_REVOKED') entry.staple = null;
    }
  }
}
