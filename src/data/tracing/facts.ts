/** What spans say of a request, looked at while its head is there (open-telemetry/semantic-conventions docs/http/http-spans.md). */
import { isIP } from 'node:net';
import { portOf } from '../../http/own-forwarded-lines.ts';
import type { RequestHead } from '../../http/request-head.ts';
import type { Attribute } from '../../otlp/span.ts';
import type { Downstream } from '../downstream.ts';

/** Characters of a text (shared/spec logs §5.4). */
const MAX_TEXT = 1_024;
/** Values of one header. */
const MAX_VALUES = 16;

export type RequestFacts = {
  readonly target: string;
  readonly path: string;
  readonly scheme: string;
  readonly host: string;
  /** Whom it comes from, as far as that is believed. */
  readonly client: string;
  readonly peer: string;
  /** 0 where it is not known. */
  readonly peerPort: number;
  readonly userAgent: string;
  /** As of `network.protocol.version`. */
  readonly version: string;
  readonly headers: readonly Attribute[];
};

export function cut(text: string): string {
  return text.length > MAX_TEXT ? text.slice(0, MAX_TEXT) : text;
}

function clientOf(forwardedFor: string, peer: string): string {
  const comma = forwardedFor.indexOf(',');
  const first = (comma < 0 ? forwardedFor : forwardedFor.slice(0, comma)).trim();
  return isIP(first) === 0 ? peer : first;
}

/** The attribute of a header; none where it did not come. */
export function headerAttribute(side: 'request' | 'response', name: string, values: readonly string[]): Attribute[] {
  return values.length === 0 ? [] : [[`http.${side}.header.${name}`, values.slice(0, MAX_VALUES).map(cut)]];
}

/** `captured`: lower-case names of headers. */
export function factsOf(head: RequestHead, client: Downstream, captured: readonly string[]): RequestFacts {
  const peer = client.peerAddress();
  const forwarded = head.forwarded.proto.toLowerCase();
  return {
    target: head.target,
    path: head.path,
    scheme: forwarded === 'http' || forwarded === 'https' ? forwarded : client.secure ? 'https' : 'http',
    host: head.host,
    client: clientOf(head.forwarded.for, peer),
    peer,
    peerPort: client.peerPort?.() ?? 0,
    userAgent: head.values('user-agent')[0] ?? '',
    version: head.old ? '1.0' : client.httpVersion === '2.0' ? '2' : '1.1',
    headers: captured.flatMap((name) => headerAttribute('request', name, head.values(name))),
  };
}

/** Name and port of a Host field. */
export function hostAndPort(host: string, scheme: string): readonly [name: string, port: number] {
  const port = portOf(host, scheme);
  const name = host.endsWith(`:${port}`) ? host.slice(0, -port.length - 1) : host;
  return [name.startsWith('[') ? name.slice(1, -1) : name, Number(port)];
}
