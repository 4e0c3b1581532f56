/** Asks the admin pages of all other live nodes of the prefix the same question. Who does not answer is told, with the reason. */
import { isIP, isIPv6 } from 'node:net';
import { timerSpan } from '../../kernel/durations.ts';
import { reasonOf } from '../../kernel/errors.ts';
import { http, https } from '../../kernel/node-http.ts';
import { shortened } from '../../kernel/quote.ts';
import type { NodeList } from './node-report.ts';
import type { NodeState } from './node-state.ts';

/** `reason`: '' for one that has answered. */
export type NodeAnswer = { readonly id: string; readonly name: string; readonly body: string; readonly reason: string };

export type NodeQuestion = {
  /** Below the path of their pages: `api/percentiles?of=…`. */
  readonly path: string;
  /** For each of them; for all together twice as long. */
  readonly ms: number;
  readonly mostBytes: number;
};

const AT_ONCE = 64;
const LOOPBACK = /^(?:127\.|::1$|localhost$)/i;

function split(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) };
}

/** Where its pages are reached from `own`; a reason where they are not. */
export function pagesOf(node: NodeState, own: NodeState): { readonly url: string } | { readonly reason: string } {
  if (node.admin === '') return { reason: 'it has no admin address (--web)' };
  const { host: given, port } = split(node.admin);
  const isEverywhere = given === '' || given === '0.0.0.0' || given === '::';
  const isHere = node.name === own.name && node.address === own.address;
  if (LOOPBACK.test(given) && !isHere) {
    return { reason: `its admin address is ${node.admin}, which only its own host reaches (--web.address)` };
  }
  const host = isEverywhere ? node.address : given;
  if (!Number.isInteger(port) || port < 1 || port > 65_535 || (isIP(host) === 0 && !/^[\w.-]{1,253}$/.test(host))) {
    return { reason: `its admin address ${JSON.stringify(node.admin)} is none that can be asked` };
  }
  return { url: `${node.adminTls ? 'https' : 'http'}://${isIPv6(host) ? `[${host}]` : host}:${port}${node.adminPath}` };
}

/** Certificates are not verified: nodes know each other by the store, and what is asked for is no secret. */
function ask(url: string, ms: number, mostBytes: number): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const request = url.startsWith('https:') ? https.request : http.request;
    const signal = AbortSignal.timeout(timerSpan(ms));
    const asked = request(url, { agent: false, signal, rejectUnauthorized: false }, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > mostBytes) response.destroy(new Error(`its answer has more than ${mostBytes} bytes`));
        else chunks.push(chunk);
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
      response.on('error', reject);
    });
    asked.on('error', (error: NodeJS.ErrnoException) => {
      reject(signal.aborted ? new Error(`no answer within ${ms / 1_000} s`) : error);
    });
    asked.end();
  });
}

async function answerOf(node: NodeState, own: NodeState, question: NodeQuestion): Promise<NodeAnswer> {
  const { id, name } = node;
  const pages = pagesOf(node, own);
  if ('reason' in pages) return { id, name, body: '', reason: pages.reason };
  try {
    const { status, body } = await ask(pages.url + question.path, question.ms, question.mostBytes);
    if (status === 200) return { id, name, body, reason: '' };
    const said = status === 401 ? 'it asks for a password' : shortened(body.trim());
    return { id, name, body: '', reason: `${status}: ${said}` };
  } catch (error) {
    return { id, name, body: '', reason: reasonOf(error) || String((error as NodeJS.ErrnoException).code) };
  }
}

/** `list`: this node first. Who cannot be asked in time, because many others do not answer, is told as well. */
export async function askOthers({ nodes, more, reason }: NodeList, question: NodeQuestion): Promise<NodeAnswer[]> {
  const [own, ...others] = nodes;
  const answers: NodeAnswer[] = [];
  const next = others.values();
  const end = performance.now() + 2 * question.ms;
  const take = async (): Promise<void> => {
    for (const node of next) {
      const ms = Math.min(question.ms, Math.floor(end - performance.now()));
      const { id, name } = node;
      if (ms > 0) answers.push(await answerOf(node, own, { ...question, ms }));
      else answers.push({ id, name, body: '', reason: 'it was not asked: too many others have not answered' });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, take));
  if (reason !== '') answers.push({ id: '', name: 'others', body: '', reason });
  if (more > 0) answers.push({ id: '', name: `${more} more nodes`, body: '', reason: 'there are too many to ask' });
  return answers.sort((one, other) => (one.id < other.id ? -1 : 1));
}
