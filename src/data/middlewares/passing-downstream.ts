/** A wrapper that changes nothing: what one that does something is made of. */

import type { X509Certificate } from 'node:crypto';
import { TimerEntry } from '../../kernel/timer-wheel.ts';
import type { TlsTraits } from '../../kernel/tls-traits.ts';
import type { Downstream } from '../downstream.ts';
import type { Wrapper, WrapperEvents } from '../middleware.ts';

export class PassingDownstream extends TimerEntry implements Wrapper {
  /** The client's side proper, or the next wrapper. */
  protected readonly inner: Downstream;
  protected readonly events: WrapperEvents;

  constructor(inner: Downstream, events: WrapperEvents) {
    super();
    this.inner = inner;
    this.events = events;
  }

  get sendsHeads(): boolean {
    return this.inner.sendsHeads;
  }

  get maxStatus(): number {
    return this.inner.maxStatus;
  }

  get writesDate(): boolean {
    return this.inner.writesDate;
  }

  get httpVersion(): '1.1' | '2.0' {
    return this.inner.httpVersion;
  }

  get respondsUpTo(): number {
    return this.inner.respondsUpTo;
  }

  get secure(): boolean {
    return this.inner.secure;
  }

  inform(head: string | Uint8Array): void {
    this.inner.inform(head);
  }

  respond(
    head: string | Uint8Array,
    length: number,
    body: Uint8Array | string | null,
    headLength: number,
    close: boolean,
  ): void {
    this.inner.respond(head, length, body, headLength, close);
  }

  begin(head: string | Uint8Array, length: number, close: boolean): void {
    this.inner.begin(head, length, close);
  }

  write(chunk: Uint8Array): boolean {
    return this.inner.write(chunk);
  }

  end(trailers: string): boolean {
    return this.inner.end(trailers);
  }

  innerWritable(): void {
    this.events.downstreamWritable();
  }

  sealFields(names: string): void {
    this.inner.sealFields?.(names);
  }

  abort(code: number): void {
    this.inner.abort(code);
  }

  pauseBody(): void {
    this.inner.pauseBody();
  }

  resumeBody(): void {
    this.inner.resumeBody();
  }

  release(requestComplete: boolean): void {
    this.inner.release(requestComplete);
  }

  peerAddress(): string {
    return this.inner.peerAddress();
  }

  get tls(): TlsTraits | null {
    return this.inner.tls ?? null;
  }

  clientCertificates(): readonly X509Certificate[] {
    return this.inner.clientCertificates?.() ?? [];
  }

  override expired(): void {}
}
