/**
 * A request as somebody asks for it, in a body of JSON or in a query → the request that a worker is asked about. Bounded, and
 * strict: what is not understood is told.
 */
import { isIP } from 'node:net';
import { isToken } from '../../http/fields.ts';
import { authorityEnd, requestUri } from '../../http/request-target.ts';
import { quoted } from '../../kernel/quote.ts';
import type { ExplainedRequest } from '../../protocol/explanation.ts';
import type { EntryPointView } from '../view.ts';

/** As it is asked for. */
export type Asked = {
  readonly method: string;
  /** `http://host/path?query`, or the target alone. */
  readonly url: string;
  /** The Host field, null for that of the URL. */
  readonly host: string | null;
  /** Name; '' for the first. */
  readonly entryPoint: string;
  /** Address. */
  readonly client: string;
  /** `Name: value` each. */
  readonly headers: readonly string[];
};

/** Characters of each text, and headers. */
const MOST_TEXT = 16_384;
const MOST_HEADERS = 100;
const NAMES = ['method', 'url', 'host', 'path', 'entrypoint', 'client', 'header', 'headers'];

function urlOf(url: string, path: string): string {
  if (url !== '' || path === '') return url;
  return path.startsWith('/') ? path : `/${path}`;
}

function bad(text: string): string {
  return `${text}; what is known: ${NAMES.slice(0, -1).join(', ')}`;
}

/** A text says why not. */
export function askedByQuery(query: string): Asked | string {
  const parameters = new URLSearchParams(query);
  const unknown = [...parameters.keys()].find((name) => !NAMES.includes(name));
  if (unknown !== undefined) return bad(`${quoted(unknown)} is not known`);
  return {
    method: parameters.get('method') ?? 'GET',
    url: urlOf(parameters.get('url') ?? '', parameters.get('path') ?? ''),
    host: parameters.get('host'),
    entryPoint: parameters.get('entrypoint') ?? '',
    client: parameters.get('client') ?? '',
    headers: parameters.getAll('header'),
  };
}

/** `headers`: an object of texts or lists of texts, or a list of `Name: value`. */
function headersOf(value: unknown): string[] | null {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value.every((line) => typeof line === 'string') ? value : null;
  if (typeof value !== 'object' || value === null) return null;
  const lines: string[] = [];
  for (const [name, one] of Object.entries(value)) {
    for (const each of Array.isArray(one) ? one : [one]) {
      if (typeof each !== 'string') return null;
      lines.push(`${name}: ${each}`);
    }
  }
  return lines;
}

export function askedByJson(text: string): Asked | string {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return 'the body is no JSON';
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return 'the body is no object';
  const fields = body as Record<string, unknown>;
  const unknown = Object.keys(fields).find((name) => !NAMES.includes(name));
  if (unknown !== undefined) return bad(`${quoted(unknown)} is not known`);
  const headers = headersOf(fields.headers ?? fields.header);
  if (headers === null) return 'headers: an object of texts is expected, or a list of "Name: value"';
  for (const name of NAMES.slice(0, -2)) {
    if (fields[name] !== undefined && typeof fields[name] !== 'string') return `${name}: a text is expected`;
  }
  const textOf = (name: string, fallback = ''): string => (fields[name] as string | undefined) ?? fallback;
  return {
    method: textOf('method', 'GET'),
    url: urlOf(textOf('url'), textOf('path')),
    host: (fields.host as string | undefined) ?? null,
    entryPoint: textOf('entrypoint'),
    client: textOf('client'),
    headers,
  };
}

/** A text says why not. `entryPoints`: in their order. */
export function requestOf(asked: Asked, entryPoints: readonly EntryPointView[]): ExplainedRequest | string {
  const { method, url, client } = asked;
  if ([method, url, client, ...asked.headers].some((text) => text.length > MOST_TEXT)) {
    return `a text is longer than ${MOST_TEXT} characters`;
  }
  if (asked.headers.length > MOST_HEADERS) return `there are more than ${MOST_HEADERS} headers`;
  if (!isToken(method)) return `method: ${quoted(method)} is none`;
  const entryPoint = asked.entryPoint === '' ? 0 : entryPoints.findIndex(({ name }) => name === asked.entryPoint);
  if (entryPoint < 0 || entryPoints.length === 0) {
    const names = entryPoints.map(({ name }) => name).join(', ');
    return `entrypoint: ${quoted(asked.entryPoint)} is none of ${names}`;
  }
  if (client !== '' && isIP(client) === 0) return `client: ${quoted(client)} is no address`;
  const pathAt = authorityEnd(url);
  if (url === '' && asked.host === null) return 'url: where the request goes to is needed, as http://host/path';
  if (pathAt === 0 && url !== '' && !url.startsWith('/') && url !== '*') {
    return `url: ${quoted(url)} is neither http://host/path nor a path`;
  }
  const fields: [string, string][] = [];
  let host = pathAt === 0 ? null : url.slice(url.indexOf('://') + 3, pathAt);
  for (const line of asked.headers) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0)).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (!isToken(name) || /[\0\r\n]/.test(value)) return `header: ${quoted(line)} is not "Name: value"`;
    if (name === 'host') host = value;
    else fields.push([name, value]);
  }
  return {
    entryPoint,
    method,
    target: url === '*' ? url : requestUri(url.replace(/#.*$/s, '')),
    host: asked.host ?? host,
    fields,
    client: client === '' ? '127.0.0.1' : client,
  };
}
