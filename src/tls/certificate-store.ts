/**
 * The certificates of one worker, by name. Which one a handshake gets (shared/spec proxying §12): the one that has the
 * name itself, else the one with the least wildcards (`*.example.com`, then `*.*.com`); of several with the same name
 * the one of lowest precedence.
 */
import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import type { WorkerCertificate } from '../protocol/messages.ts';

/** No DNS name has more labels; what is longer is no name of anybody. */
const MAX_NAME = 253;

function byPrecedence(one: WorkerCertificate, other: WorkerCertificate): number {
  if (one.precedence === other.precedence) return one.id - other.id;
  return one.precedence < other.precedence ? -1 : 1;
}

/** Labels of a name that are `*`, all of them at its start. */
function wildcardsOf(name: string): number {
  let count = 0;
  while (name.startsWith('*.', count * 2)) count++;
  return count;
}

export class CertificateStore {
  private readonly byId = new Map<number, WorkerCertificate>();
  private readonly byName = new Map<string, WorkerCertificate[]>();
  private readonly defaults = new Map<number, WorkerCertificate>();
  /** Names with n wildcards, at index n: nobody looks for wildcards that no certificate has. */
  private readonly withWildcards: number[] = [];
  private addressNames = 0;
  /** Certificates with a staple, by the fingerprint of their DER. */
  private readonly staples = new Map<string, WorkerCertificate>();
  private readonly listeners = new Set<(removed: readonly number[]) => void>();

  /** Any of them has an IP address among its names. */
  get hasAddresses(): boolean {
    return this.addressNames > 0;
  }

  get hasStaples(): boolean {
    return this.staples.size > 0;
  }

  /** Calls back after each change, with the ids of those that are gone. */
  onChange(listener: (removed: readonly number[]) => void): void {
    this.listeners.add(listener);
  }

  apply(added: readonly WorkerCertificate[], removed: readonly number[]): void {
    for (const id of removed) this.remove(id);
    for (const certificate of added) this.add(certificate);
    for (const listener of this.listeners) listener(removed);
  }

  /** For clients whose name nobody has; undefined when the entrypoint has no default. */
  defaultOf(entryPoint: number): WorkerCertificate | undefined {
    return this.defaults.get(entryPoint);
  }

  /** The OCSP response for the certificate with these bytes, DER. */
  stapleFor(der: Uint8Array): Uint8Array | null {
    return this.staples.get(createHash('sha256').update(der).digest('hex'))?.staple ?? null;
  }

  /** @param name SNI or an IP address, in any case */
  find(entryPoint: number, name: string): WorkerCertificate | undefined {
    const found = this.nameFor(entryPoint, name);
    return found === undefined ? undefined : this.serving(entryPoint, found);
  }

  /** By which of the certificates' names `find` finds one. */
  nameFor(entryPoint: number, name: string): string | undefined {
    if (name.length > MAX_NAME + 1) return undefined;
    const wanted = (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase();
    if (this.serving(entryPoint, wanted) !== undefined) return wanted;
    if (isIP(wanted) !== 0) return undefined;
    let rest = wanted.indexOf('.');
    for (let stars = 1; rest !== -1 && stars < this.withWildcards.length; stars++) {
      if (this.withWildcards[stars] > 0) {
        const pattern = '*.'.repeat(stars) + wanted.slice(rest + 1);
        if (this.serving(entryPoint, pattern) !== undefined) return pattern;
      }
      rest = wanted.indexOf('.', rest + 1);
    }
    return undefined;
  }

  /** All names of certificates that it serves. */
  namesOf(entryPoint: number): string[] {
    return [...this.byName.keys()].filter((name) => this.serving(entryPoint, name) !== undefined);
  }

  private serving(entryPoint: number, name: string): WorkerCertificate | undefined {
    const bit = 1 << entryPoint;
    return this.byName.get(name)?.find((certificate) => (certificate.entryPoints & bit) !== 0);
  }

  private add(certificate: WorkerCertificate): void {
    this.byId.set(certificate.id, certificate);
    if (certificate.staple !== null) this.staples.set(certificate.fingerprint, certificate);
    for (let bit = 0; bit < 32; bit++) {
      if ((certificate.defaultOf & (1 << bit)) !== 0) this.defaults.set(bit, certificate);
    }
    for (const name of certificate.names) {
      const holders = this.byName.get(name);
      if (holders === undefined) this.byName.set(name, [certificate]);
      else holders.push(certificate);
      holders?.sort(byPrecedence);
      this.count(name, 1);
    }
  }

  private remove(id: number): void {
    const certificate = this.byId.get(id);
    if (certificate === undefined) return;
    this.byId.delete(id);
    if (this.staples.get(certificate.fingerprint) === certificate) this.staples.delete(certificate.fingerprint);
    for (const [bit, holder] of this.defaults) if (holder.id === id) this.defaults.delete(bit);
    for (const name of certificate.names) {
      const left = this.byName.get(name)!.filter((holder) => holder.id !== id);
      if (left.length === 0) this.byName.delete(name);
      else this.byName.set(name, left);
      this.count(name, -1);
    }
  }

  private count(name: string, by: 1 | -1): void {
    const stars = wildcardsOf(name);
    while (this.withWildcards.length <= stars) this.withWildcards.push(0);
    this.withWildcards[stars] += by;
    if (isIP(name) !== 0) this.addressNames += by;
  }
}
