/** The settings of the etcd provider (shared/spec cli-api §2.3). */
import { TsujiError } from '../kernel/errors.ts';
import { quoted } from '../kernel/quote.ts';
import { parseAddress } from './address.ts';
import type { Given } from './given.ts';
import type { Warn } from './setting-warning.ts';
import type { EtcdSettings, TlsSettings } from './settings.ts';

const DEFAULT_PORT = 2379;

function bad(flag: string, reason: string): TsujiError {
  return new TsujiError('BAD_SETTING', `--${flag}: ${reason}`);
}

type Endpoint = { readonly endpoint: string; readonly scheme: string };

/** `host:port`, with a scheme and a slash at the end tolerated. */
function readEndpoint(text: string): Endpoint {
  const scheme = /^https?:\/\//i.exec(text)?.[0].toLowerCase() ?? '';
  const rest = text.slice(scheme.length).replace(/\/+$/, '');
  if (rest.includes('@')) {
    // Not quoted, because a password stands in it.
    throw bad('etcd.endpoint', 'an endpoint holds a user; use --etcd.username and --etcd.password');
  }
  const endpoint = rest.replace(/^\[.*\]/, '').includes(':') ? rest : `${rest}:${DEFAULT_PORT}`;
  const address = parseAddress(endpoint);
  if (typeof address === 'string') throw bad('etcd.endpoint', address);
  if (address.host === '' || address.port === 0) throw bad('etcd.endpoint', `${quoted(text)} lacks its host or port`);
  return { endpoint, scheme };
}

function readTls(given: Given, schemes: readonly string[]): TlsSettings | null {
  const secure = schemes.includes('https://');
  if (!secure && !given.enabled('etcd.tls')) return null;
  if (schemes.includes('http://')) {
    const why = secure ? 'http:// and https:// are mixed' : 'http:// contradicts --etcd.tls';
    throw bad('etcd.endpoint', `${why}; TLS is for all endpoints or for none`);
  }
  return {
    ca: given.text('etcd.tls.ca'),
    cert: given.text('etcd.tls.cert'),
    key: given.text('etcd.tls.key'),
    insecureSkipVerify: given.boolean('etcd.tls.insecureSkipVerify'),
  };
}

/** null when the provider is off. */
export function fillEtcd(given: Given, warn: Warn): EtcdSettings | null {
  if (!given.enabled('etcd')) return null;
  const endpoints = given.list('etcd.endpoint').map(readEndpoint);
  if (endpoints.length === 0) throw bad('etcd.endpoint', 'it names no endpoint; write host:port');
  const username = given.text('etcd.username');
  const password = given.text('etcd.password');
  if (username === '' && password !== '') warn('etcd.password', 'it is not used, because there is no --etcd.username');
  const path = given
    .text('etcd.prefix')
    .split('/')
    .filter((part) => part !== '')
    .join('/');
  return {
    endpoints: [...new Set(endpoints.map(({ endpoint }) => endpoint))],
    prefix: path === '' ? '' : `/${path}`,
    useApiV3: given.boolean('etcd.useAPIV3'),
    watch: given.boolean('etcd.watch'),
    username,
    password,
    tls: readTls(
      given,
      endpoints.map(({ scheme }) => scheme),
    ),
  };
}
