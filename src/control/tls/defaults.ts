/**
 * The certificates that entrypoints name themselves, and which one each of them gives to a client whose name no
 * certificate has (shared/spec proxying §12): the designated one, else the first static one, else a self-signed one.
 * A designated one that cannot be used is not replaced: who designates one wants no other to be shown. (The original
 * drops the static certificates along with it; here they suffer nothing.)
 */

import type { EntryPoint } from '../../kernel/entrypoint-options.ts';
import { reasonOf } from '../../kernel/errors.ts';
import { EVENTS } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';
import { type CertificateEntry, newEntry } from './certificate-entry.ts';

type OfEntryPoint = {
  readonly bit: number;
  readonly statics: readonly CertificateEntry[];
  readonly designated: CertificateEntry | null;
};

export class Defaults {
  /** In order of precedence. */
  readonly entries: CertificateEntry[] = [];
  private readonly perEntryPoint: OfEntryPoint[] = [];
  private selfSigned: CertificateEntry | null = null;

  constructor(entryPoints: readonly Pick<EntryPoint, 'name' | 'tls'>[]) {
    for (const [index, { name, tls }] of entryPoints.entries()) {
      if (tls === null) continue;
      const bit = 1 << index;
      const statics = tls.certificates.map(({ cert, key }, i) =>
        newEntry({
          from: `entrypoint ${name}, certificate ${i + 1}`,
          problemKey: '',
          entryPoints: bit,
          precedence: `0${String(i).padStart(6, '0')}`,
          certText: cert,
          keyText: key,
        }),
      );
      const designated = tls.defaultCertificate === null ? null : this.designate(name, tls.defaultCertificate);
      this.perEntryPoint.push({ bit, statics, designated });
      this.entries.push(...statics, ...(designated === null ? [] : [designated]));
    }
  }

  /** No entrypoint has TLS. */
  get isIdle(): boolean {
    return this.perEntryPoint.length === 0;
  }

  /** Some entrypoint has nothing else to show, as far as its own could be read. */
  needsSelfSigned(): boolean {
    return this.perEntryPoint.some(
      ({ statics, designated }) => designated === null && statics.every(({ pair }) => pair === null),
    );
  }

  async makeSelfSigned(): Promise<void> {
    try {
      // Loaded when it is needed: it brings a library for ASN.1.
      const { makeSelfSigned } = await import('./self-signed.ts');
      const { cert, key } = await makeSelfSigned();
      this.selfSigned = newEntry({
        from: 'self-signed',
        problemKey: '',
        entryPoints: 0,
        precedence: '2',
        certText: cert,
        keyText: key,
      });
      this.entries.push(this.selfSigned);
    } catch (error) {
      log.event(EVENTS.certificateFailed, 'self-signed', { names: '', source: 'self-signed', reason: reasonOf(error) });
    }
  }

  /** Marks the defaults among the entries, as far as they could be read. */
  choose(): void {
    for (const entry of this.entries) entry.defaultOf = 0;
    for (const { bit, statics, designated } of this.perEntryPoint) {
      const chosen = designated === null ? (statics.find(({ pair }) => pair !== null) ?? this.selfSigned) : designated;
      if (chosen !== null) chosen.defaultOf |= bit;
    }
  }

  private designate(name: string, pair: { readonly cert: string; readonly key: string }): CertificateEntry {
    return newEntry({
      from: `entrypoint ${name}, default certificate`,
      problemKey: '',
      entryPoints: 0,
      precedence: '0',
      certText: pair.cert,
      keyText: pair.key,
    });
  }
}
