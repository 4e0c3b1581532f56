/** Where an entrypoint or a frontend sends its requests instead (shared/spec kv-schema §6.4, proxying §14). */
import type { RequestHead } from '../../http/request-head.ts';
import { requestUri } from '../../http/request-target.ts';
import type { EntryPoint, RedirectOptions } from '../../kernel/entrypoint-options.ts';
import { FAULTS, reasonOf } from '../../kernel/errors.ts';
import { log } from '../../kernel/log.ts';
import { compileRegex, type Regex } from '../../kernel/regex.ts';
import type { Middleware, Scope } from '../middleware.ts';
import { localReply, type Reply, redirectReply } from '../reply.ts';

/** The host and the port behind it, '' for none. */
function splitHost(host: string): { name: string; port: string } {
  const colon = host.lastIndexOf(':');
  if (colon < 0 || colon < host.indexOf(']')) return { name: host, port: '' };
  return { name: host.slice(0, colon), port: host.slice(colon + 1) };
}

/**
 * The target of a redirect to an entrypoint; null when the client is there already: it asks by the scheme and port of
 * the target, as it does behind a balancer that ends TLS in front of us (the original would send it in circles).
 */
function entryPointUrl(target: EntryPoint, scheme: string, host: string, uri: string): string | null {
  const { name, port } = splitHost(host);
  const wanted = target.tls === null ? 'http' : 'https';
  const asked = port === '' ? (scheme === 'https' ? '443' : '80') : port;
  if (scheme === wanted && asked === String(target.port)) return null;
  return `${wanted}://${name}:${target.port}${uri}`;
}

export class Redirect implements Middleware {
  private readonly target: EntryPoint | null;
  private readonly regex: Regex | null;
  private readonly replacement: string;
  private readonly permanent: boolean;
  private readonly secure: boolean;

  /** `secure`: the requests come by TLS. */
  constructor(options: RedirectOptions, entryPoints: readonly EntryPoint[], secure: boolean) {
    this.target = entryPoints.find(({ name }) => name === options.entryPoint) ?? null;
    this.regex = options.entryPoint === '' ? compileRegex(options.regex) : null;
    this.replacement = options.replacement;
    this.permanent = options.permanent;
    this.secure = secure;
  }

  request(_: Scope, head: RequestHead): Reply | null {
    const scheme = this.secure || head.forwarded.proto === 'https' ? 'https' : 'http';
    const uri = requestUri(head.target);
    if (this.target !== null) {
      if (head.host === '') return localReply(FAULTS.badRequest);
      const url = entryPointUrl(this.target, scheme, head.host, uri);
      return url === null ? null : redirectReply(head.method, this.permanent, url);
    }
    return this.regex === null ? null : this.byRegex(this.regex, head, `${scheme}://${head.host}${uri}`);
  }

  private byRegex(regex: Regex, { method, host }: RequestHead, url: string): Reply | null {
    let replaced: string | null;
    try {
      replaced = regex.replaceAll(url, this.replacement);
    } catch (error) {
      log.debug('request refused', { reason: reasonOf(error) });
      return localReply(FAULTS.badRequest);
    }
    if (replaced === null || replaced === url) return null;
    if (host === '') return localReply(FAULTS.badRequest);
    if (!URL.canParse(replaced, url)) return localReply(FAULTS.badRedirect);
    return redirectReply(method, this.permanent, replaced);
  }
}
