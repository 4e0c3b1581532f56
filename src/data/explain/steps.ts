/** What one middleware does to a request that nobody has sent, in words. */
import type { RequestHead } from '../../http/request-head.ts';
import { timerSpan } from '../../kernel/durations.ts';
import { quoted } from '../../kernel/quote.ts';
import { isSecretField } from '../../middlewares/header-keys.ts';
import type { ExplainedStep } from '../../protocol/explanation.ts';
import { type Foreseen, type Middleware, WAITS } from '../middleware.ts';
import type { Reply } from '../reply.ts';
import type { DryScope } from './dry-scope.ts';
import { explainedReply } from './reply-text.ts';

/** Less than whoever asks waits for the whole. */
const PATIENCE_MS = 10_000;
const TOO_LONG: Foreseen = { text: 'what it carries takes too long to be judged now', reply: null, isCertain: false };

function linesOf(head: RequestHead): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of head.fields.split('\r\n')) {
    const colon = line.indexOf(': ');
    if (colon <= 0) continue;
    const name = line.slice(0, colon);
    const before = fields.get(name);
    const value = isSecretField(name) ? 'REDACTED' : line.slice(colon + 2);
    fields.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return fields;
}

/** What differs of a head now. */
function changes(target: string, before: Map<string, string>, head: RequestHead): string[] {
  const said: string[] = [];
  if (head.target !== target) said.push(`the target becomes ${quoted(head.target)}`);
  const now = linesOf(head);
  for (const [name, value] of now) {
    if (before.get(name) !== value) said.push(`sets ${name}: ${quoted(value)}`);
  }
  for (const name of before.keys()) if (!now.has(name)) said.push(`takes ${name} off`);
  return said;
}

/** What it does besides. */
function later(step: Middleware): string[] {
  const said: string[] = [];
  if (step.sent !== undefined) said.push('sends copies of it once it has gone out');
  if (step.wrap !== undefined) said.push('stands between the server and its client');
  if (step.response !== undefined) said.push('looks at the response');
  return said;
}

/** Slow hashes of passwords, while many are checked. */
function judged(foreseen: Foreseen | Promise<Foreseen> | undefined): Promise<Foreseen> | Foreseen | undefined {
  if (!(foreseen instanceof Promise)) return foreseen;
  const { promise, resolve } = Promise.withResolvers<Foreseen>();
  const timer = setTimeout(() => resolve(TOO_LONG), timerSpan(PATIENCE_MS));
  return Promise.race([foreseen, promise]).finally(() => clearTimeout(timer));
}

/** `reply`: with which it ends there, null when it goes on. */
export async function explainStep(
  of: ExplainedStep['of'],
  kind: string,
  step: Middleware,
  scope: DryScope,
  head: RequestHead,
): Promise<{ readonly told: ExplainedStep; readonly reply: Reply | null }> {
  const { target } = head;
  const before = linesOf(head);
  const foreseen = await judged(step.foresee?.(scope, head));
  const verdict = foreseen === undefined ? (step.request?.(scope, head) ?? null) : foreseen.reply;
  const reply = verdict === WAITS ? null : verdict;
  const does = foreseen === undefined ? [] : [foreseen.text];
  if (reply !== null && does.length === 0) does.push('answers it');
  if (reply === null) {
    does.push(...changes(target, before, head), ...later(step));
    if (does.length === 0) does.push('lets it on as it is');
  }
  const isCertain = foreseen?.isCertain ?? verdict !== WAITS;
  return { told: { kind, of, does, reply: reply === null ? null : explainedReply(reply), isCertain }, reply };
}
