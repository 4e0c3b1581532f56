/** What becomes of a request by some rules: compiled, written to a table, routed, redirected or modified. */
import assert from 'node:assert/strict';
import { modifyRequest } from '../../../src/data/middlewares/path-modifiers.ts';
import { slashRedirect } from '../../../src/data/reply.ts';
import { RequestHead } from '../../../src/http/request-head.ts';
import { RuleCompiler } from '../../../src/rule/compile-rule.ts';
import type { TableFrontend } from '../../../src/table/input.ts';
import { RoutingTable } from '../../../src/table/reader.ts';
import { validateTable } from '../../../src/table/validate.ts';
import { writeTable } from '../../../src/table/writer.ts';
import { frontend, input } from '../table/inputs.ts';

export type Request = {
  readonly host?: string;
  readonly method?: string;
  readonly field?: readonly [name: string, value: string];
  readonly fields?: readonly (readonly [name: string, value: string])[];
  readonly keepTrailingSlash?: boolean;
};

/** `up`: the target sent upstream; `xfp` and `xrp`: X-Forwarded-Prefix and X-Replaced-Path. */
export type Outcome = { readonly up: string; readonly xfp?: string; readonly xrp?: string } | string;

/** Compiles the rules of one frontend with the priority that they have by themselves. */
export function frontendOf(name: string, rules: readonly string[], priority?: number): TableFrontend {
  const compiler = new RuleCompiler();
  for (const rule of rules) compiler.add(rule);
  const { terms, modifiers } = compiler;
  const rank = priority ?? rules.reduce((sum, rule) => sum + Buffer.byteLength(rule), 0);
  return frontend(name, terms, { rank, ...(modifiers === null ? {} : { modifiers }) });
}

function headOf(target: string, { host = 'foo.bar', method = 'GET', field, fields = [] }: Request): RequestHead {
  const head = new RequestHead();
  head.begin(method, target, target.split('?', 1)[0]);
  head.add('host', host);
  for (const [name, value] of field === undefined ? fields : [field]) head.add(name.toLowerCase(), value);
  assert.equal(head.finish(), true);
  return head;
}

export function outcomeOf(frontends: readonly TableFrontend[], target: string, request: Request): Outcome {
  const buffer = writeTable(input(frontends));
  validateTable(buffer);
  const table = new RoutingTable(buffer, request.keepTrailingSlash ?? false);
  const head = headOf(target, request);
  const found = table.route(0, head.method, head.host, head.path, head);
  if (found === null) return 'no';
  if (table.redirectSlash) {
    return `301 ${/Location: (.*)/.exec(slashRedirect(head.method, head.path, head.target).head)?.[1]}`;
  }
  const refusal = found.modifiers === null ? null : modifyRequest(found.modifiers, head);
  if (refusal !== null) return `${refusal.status}`;
  const [xfp] = head.values('x-forwarded-prefix');
  const [xrp] = head.values('x-replaced-path');
  return { up: head.target, ...(xfp === undefined ? {} : { xfp }), ...(xrp === undefined ? {} : { xrp }) };
}
