/** `npm run bench -- features`: what options of a frontend cost each request, measured in turns. */
import { createHash, createHmac } from 'node:crypto';
import { join } from 'node:path';
import { hasWrk } from './load.ts';
import { chooseCores, describeMachine, machineText } from './machine.ts';
import type { FeaturesOptions } from './options.ts';
import { startOrigin } from './origin.ts';
import { tsujiAt } from './peers/tsuji.ts';
import type { Processes } from './processes.ts';
import { disturbances } from './report.ts';
import { type Bench, runScenario } from './runner.ts';
import { SCENARIOS } from './scenarios.ts';
import { spreadOf } from './stats.ts';
import { formatNumber, formatRange, formatTable } from './table.ts';

const ROOT = join(import.meta.dirname, '..');
const SECRET = Buffer.alloc(32, 7);

function token(): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: 'bench', exp: 4_000_000_000 })}`;
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}

/** Of every request, whether the option looks at them or not. */
const FIELDS = {
  Authorization: `Basic ${Buffer.from('bench:secret').toString('base64')}`,
  'X-Token': token(),
  Origin: 'http://page.example.com',
};

const SHA1 = `{SHA}${createHash('sha1').update('secret').digest('base64')}`;

const FEATURES: readonly (readonly [name: string, keys: Readonly<Record<string, string>>])[] = [
  ['nothing', {}],
  ['nothing, once more', {}],
  ['allow list', { 'whitelist/sourcerange': '127.0.0.0/8' }],
  ['custom headers', { 'headers/customrequestheaders/X-A': 'a', 'headers/customresponseheaders/X-B': 'b' }],
  ['security headers', { 'headers/framedeny': 'true', 'headers/contenttypenosniff': 'true' }],
  ['CORS', { 'headers/accesscontrolalloworiginlist': FIELDS.Origin }],
  [
    'rate limit',
    {
      'ratelimit/extractorfunc': 'client.ip',
      'ratelimit/rateset/r/period': '1s',
      'ratelimit/rateset/r/average': '10000000',
      'ratelimit/rateset/r/burst': '10000000',
    },
  ],
  ['basic auth (SHA-1)', { 'auth/basic/users': `bench:${SHA1}` }],
  ['jwt', { 'jwt/secret': SECRET.toString('base64url'), 'jwt/sources': 'header:X-Token' }],
  ['request id', { 'requestid/mode': 'on' }],
  ['limits', { 'limits/maxrequestbodybytes': '1000000', 'limits/maxtargetbytes': '4000' }],
];

/** @throws Error when nothing could be measured. */
export async function measureFeatures(
  { rounds }: FeaturesOptions,
  processes: Processes,
  tell: (text: string) => void,
): Promise<void> {
  const small = SCENARIOS.find(({ name }) => name === 'small')!;
  const scenario = { ...small, fields: FIELDS, goals: [] };
  const sides = FEATURES.map(([name, keys]) => tsujiAt(ROOT, name, [], keys));
  const machine = describeMachine();
  const cores = chooseCores(machine.cores, processes.pins);
  console.log(`${machineText(machine, cores, new Map())}\n`);
  const origin = await startOrigin(processes, cores.load);
  const bench: Bench = { processes, cores, origin, wrk: hasWrk(), openFiles: machine.openFiles, tell };
  const outcome = await runScenario(bench, scenario, { ...scenario.full, rounds }, sides);
  tell('');
  if (outcome.skipped.length > 0) {
    throw new Error(outcome.skipped.map(({ name, reason }) => `${name}: ${reason}`).join('\n'));
  }
  const plain = outcome.series[0].samples;
  const rows = outcome.series.map(({ name, samples }) => {
    const cpu = spreadOf(samples.map((sample) => sample.cpu));
    // Round by round, since the machine is not the same in each.
    const more = spreadOf(samples.map((sample, i) => sample.cpu - plain[i].cpu));
    return [name, formatNumber(cpu.median), formatNumber(more.median), formatRange(more)];
  });
  console.log(`${scenario.title}, ${rounds} rounds of ${scenario.full.seconds} s`);
  console.log(formatTable(['option', 'CPU µs/request', 'more', 'min–max'], rows));
  console.log(disturbances(outcome).join('\n'));
}
