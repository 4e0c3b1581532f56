/**
 * The server's side of a TLS handshake over a TCP handle, without a socket of node's on top: those cost as much again as the
 * handshake itself, and some kilobytes for each connection (bench/README.md, handshakes). Where anything of it is missing,
 * node's servers make the handshakes (tsuji-listener.ts).
 *
 * What node calls here it calls within OpenSSL: nothing is freed before its handle is closed, and nothing is thrown.
 */

import { X509Certificate } from 'node:crypto';
import { type TlsTraits, tlsTraitsOf } from '../../kernel/tls-traits.ts';
// Sees to it that what TLS takes from the handle below is there.
import 'node:tls';
import type { SecureContext } from 'node:tls';
import type { TlsEntryPoint } from '../../tls/tls-entrypoint.ts';
import type { RawHandle } from './handles.ts';

type Hello = { readonly servername?: string | false; readonly OCSPRequest?: boolean };

/** Node's TLSWrap. */
type TlsWrap = RawHandle & {
  _parent: RawHandle;
  onhandshakestart: unknown;
  onhandshakedone: unknown;
  onerror: unknown;
  oncertcb: unknown;
  sni_context: unknown;
  setVerifyMode(asks: boolean, demands: boolean): void;
  setALPNProtocols(wire: Uint8Array): void;
  enableCertCb(): void;
  certCbDone(): void;
  setOCSPResponse(staple: Uint8Array): void;
  receive(bytes: Uint8Array): void;
  getServername(): string | false;
  getALPNNegotiatedProtocol(): string | false;
  verifyError(): Error | undefined;
  getPeerX509Certificate(): object | undefined;
  getPeerCertificate(abbreviated: boolean): { raw?: Buffer } | undefined;
  getProtocol(): string | null;
  getCipher(): { readonly standardName?: string; readonly name?: string } | undefined;
  isSessionReused(): boolean;
  destroySSL(): void;
  [HANDSHAKE]: TlsHandshake;
};

/** The native side of a context, and what it shows. */
type NativeContext = { getCertificate(): Buffer | null };
type Native = { readonly context: NativeContext };

type Binding = {
  readonly wrap: (handle: RawHandle, context: object, isServer: boolean, writes: boolean) => TlsWrap;
  readonly TLSWrap: { readonly prototype: object };
};

const METHODS = [
  'setVerifyMode',
  'setALPNProtocols',
  'enableCertCb',
  'certCbDone',
  'setOCSPResponse',
  'receive',
  'getServername',
  'getALPNNegotiatedProtocol',
  'verifyError',
  'getPeerX509Certificate',
  'getPeerCertificate',
  'getProtocol',
  'getCipher',
  'isSessionReused',
  'destroySSL',
];

function load(): Binding | null {
  try {
    const { binding } = process as unknown as { binding(name: string): Binding };
    const found = binding.call(process, 'tls_wrap');
    const methods = found.TLSWrap.prototype as Record<string, unknown>;
    const whole = typeof found.wrap === 'function' && METHODS.every((name) => typeof methods[name] === 'function');
    return whole ? found : null;
  } catch {
    return null;
  }
}

const binding = load();

/** Handshakes can be made here. */
export const makesHandshakes = binding !== null;

/** On a carrier: keeps what TLS is made of alive for as long as its connection, as nobody else would. On a TLSWrap: its own. */
const HANDSHAKE = Symbol('handshake');

/**
 * Node's buffer for what comes is made as long as what is put into it first, 1 KiB at least; one that is full gets another of
 * 16 KiB behind it, which stays for good. So a ClientHello, which is above 1 KiB with the keys of today, comes in pieces that
 * leave it room: an idle connection takes a third less (bench/README.md, idle TLS connections).
 */
const PIECE_BYTES = 1_023;

export interface HandshakeUser {
  /** Bytes may be read and written from now on. Within OpenSSL. */
  handshakeDone(): void;
  /** Before or after: TLS cannot go on. */
  handshakeFailed(reason: string): void;
}

/** Node calls these with the TLSWrap as `this`. */
function started(): void {}

function done(this: TlsWrap): void {
  this[HANDSHAKE].user.handshakeDone();
}

function failed(this: TlsWrap, error: Error & { code?: string }): void {
  this[HANDSHAKE].user.handshakeFailed(error.code ?? error.message);
}

function greeted(this: TlsWrap, hello: Hello): void {
  this[HANDSHAKE].choose(hello);
}

/** As ALPN has them on the wire (RFC 7301 §3.1). */
export function alpnList(protocols: readonly string[]): Buffer {
  return Buffer.concat(protocols.map((name) => Buffer.from([name.length, ...Buffer.from(name, 'latin1')])));
}

export class TlsHandshake {
  /** To read from and to write to, once it is done. */
  readonly raw: RawHandle;
  private readonly wrap: TlsWrap;
  private readonly context: SecureContext;
  private readonly entryPoint: TlsEntryPoint;
  readonly user: HandshakeUser;

  /** `carrier`: nobody reads from it any more. @throws when OpenSSL cannot begin */
  constructor(carrier: RawHandle, entryPoint: TlsEntryPoint, alpn: Uint8Array, user: HandshakeUser) {
    this.entryPoint = entryPoint;
    this.user = user;
    this.context = entryPoint.firstFor(() => {
      const out: { address?: string } = {};
      carrier.getsockname(out);
      return out.address ?? '';
    });
    const wrap = binding!.wrap(carrier, (this.context as Native).context, true, false);
    this.wrap = wrap;
    this.raw = wrap;
    wrap._parent = carrier;
    (carrier as RawHandle & { [HANDSHAKE]?: TlsHandshake })[HANDSHAKE] = this;
    wrap[HANDSHAKE] = this;
    wrap.onhandshakestart = started;
    wrap.onhandshakedone = done;
    wrap.onerror = failed;
    wrap.oncertcb = greeted;
    wrap.enableCertCb();
    wrap.setALPNProtocols(alpn);
    const { clientCertificate } = entryPoint;
    if (clientCertificate !== null) wrap.setVerifyMode(true, clientCertificate === 'required');
  }

  /** The first bytes of the client, which came before TLS was there. */
  receive(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      this.wrap.receive(bytes.subarray(at, at + PIECE_BYTES));
    }
  }

  /** The client has said what it wants: its name, and whether it asks for a staple. */
  choose({ servername, OCSPRequest: asks }: Hello): void {
    try {
      const context = servername ? this.entryPoint.contextFor(servername) : null;
      if (context === undefined) {
        this.user.handshakeFailed('no certificate for this name');
        return;
      }
      if (context !== null) this.wrap.sni_context = (context as Native).context;
      if (asks === true) this.staple(context ?? this.context);
      this.wrap.certCbDone();
    } catch (error) {
      this.user.handshakeFailed(error instanceof Error ? error.message : String(error));
    }
  }

  private staple(context: SecureContext): void {
    const der = (context as Native).context.getCertificate();
    const staple = der === null ? null : this.entryPoint.stapleOf(der);
    if (staple !== null) this.wrap.setOCSPResponse(staple);
  }

  get serverName(): string {
    return this.wrap.getServername() || '';
  }

  get alpn(): string {
    return this.wrap.getALPNNegotiatedProtocol() || '';
  }

  /** Once it is done. */
  get traits(): TlsTraits {
    return tlsTraitsOf(this);
  }

  /** A session that is resumed by TLS 1.3 verifies nothing by itself: there must be a certificate, too. */
  get authorized(): boolean {
    if (this.entryPoint.clientCertificate === null) return false;
    return !this.wrap.verifyError() && this.wrap.getPeerX509Certificate() !== undefined;
  }

  getPeerX509Certificate(): X509Certificate | undefined {
    const der = this.wrap.getPeerCertificate(true)?.raw;
    return der === undefined ? undefined : new X509Certificate(der);
  }

  getProtocol(): string | null {
    return this.wrap.getProtocol();
  }

  getCipher(): { standardName?: string } | undefined {
    return this.wrap.getCipher();
  }

  isSessionReused(): boolean {
    return this.wrap.isSessionReused();
  }

  get isAdmitted(): boolean {
    return this.entryPoint.admits(this);
  }

  /** Behind the end of its carrier, never within OpenSSL. */
  free(): void {
    this.wrap.destroySSL();
  }
}
