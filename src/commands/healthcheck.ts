/** `tsuji healthcheck`: asks `/ping` of the tsuji that runs with the same flags (shared/spec cli-api §1.4). */
import { request as requestPlain } from 'node:http';
import { request as requestSecure } from 'node:https';
import { isIPv6 } from 'node:net';
import { reasonOf } from '../kernel/errors.ts';
import type { Settings, WebSettings } from '../settings/settings.ts';

const TIMEOUT_MS = 5000;

function pingUrl(web: WebSettings): string {
  // Nobody can connect to "all interfaces"; the loopback is one of them.
  const host = web.host === '' || web.host === '0.0.0.0' ? '127.0.0.1' : web.host === '::' ? '::1' : web.host;
  return `${web.tls === null ? 'http' : 'https'}://${isIPv6(host) ? `[${host}]` : host}:${web.port}${web.path}ping`;
}

/** Status of a HEAD request. The timeout is for the whole exchange; certificates are not verified, as in Traefik. */
function headStatus(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const request = url.startsWith('https:') ? requestSecure : requestPlain;
    const options = { method: 'HEAD', agent: false, signal, rejectUnauthorized: false } as const;
    const asked = request(url, options, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    asked.on('error', (error: NodeJS.ErrnoException) => {
      if (signal.aborted) reject(new Error(`no answer within ${TIMEOUT_MS / 1000} s`));
      // Several addresses that all refuse give an error without a message.
      else reject(error.message === '' ? new Error(error.code ?? 'no connection') : error);
    });
    asked.end();
  });
}

/** Prints what it found and gives the exit code: 0 when ping answers 200, else 1. */
export async function runHealthcheck(settings: Settings): Promise<number> {
  if (settings.web === null) {
    process.stderr.write('healthcheck: /ping is off; give the flags that tsuji runs with, such as --web\n');
    return 1;
  }
  if (settings.web.port === 0) {
    process.stderr.write('healthcheck: the port of --web.address is 0, so nobody knows where to ask\n');
    return 1;
  }
  const url = pingUrl(settings.web);
  try {
    const status = await headStatus(url);
    if (status === 200) {
      process.stdout.write(`OK: ${url}\n`);
      return 0;
    }
    process.stderr.write(`healthcheck: ${url} answered ${status}\n`);
  } catch (error) {
    process.stderr.write(`healthcheck: ${url}: ${reasonOf(error)}\n`);
  }
  return 1;
}
