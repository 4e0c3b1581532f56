/**
 * `npm run bench -- passwords`: what clients with wrong passwords, each of which costs a comparison with bcrypt, do to
 * whoever asks for something else at the same time.
 */
import { Agent, createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import bcrypt from 'bcryptjs';
import { newHistogram } from './histogram.ts';
import { describeMachine } from './machine.ts';
import type { PasswordsOptions } from './options.ts';
import { tsujiCommand, writeFolder } from './peers/tsuji.ts';
import { freePort, type Processes, untilListening } from './processes.ts';
import { spreadOf } from './stats.ts';
import { formatRange, formatTable } from './table.ts';

const ROOT = join(import.meta.dirname, '..');
const COST = 12;
const CLIENTS = 50;
const PER_SECOND = 200;
const ROUND_MS = 5_000;
const WARM_UP_MS = 2_000;
/** A client waits for its turn behind all the others. */
const ANSWER_MS = 120_000;

type Fields = Readonly<Record<string, string>>;

class Site {
  private readonly port: number;
  private readonly agent = new Agent({ keepAlive: true });

  constructor(port: number) {
    this.port = port;
  }

  /** Resolves with the status when all of the answer is here. */
  ask(host: string, fields: Fields = {}): Promise<number> {
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: this.port, agent: this.agent, timeout: ANSWER_MS };
      const request = get({ ...options, headers: { host, ...fields } }, (response) => {
        response.resume();
        response.once('end', () => resolve(response.statusCode!));
      });
      request.once('timeout', () => request.destroy(new Error('no answer')));
      request.once('error', reject);
    });
  }

  close(): void {
    this.agent.destroy();
  }
}

/** At a steady rate, whatever the answers do. Returns the 99th percentile, µs, from when each request was due. */
async function bystander(site: Site, ms: number): Promise<number> {
  const histogram = newHistogram();
  const start = performance.now();
  const asked: Promise<void>[] = [];
  for (let due = start; due < start + ms; due += 1_000 / PER_SECOND) {
    const wait = due - performance.now();
    if (wait > 0) await sleep(wait);
    const answered = site.ask('plain.test').then((status) => {
      if (status !== 200) throw new Error(`the bystander was answered with ${status}`);
      histogram.recordValue(Math.max(1, Math.round((performance.now() - due) * 1_000)));
    });
    asked.push(answered);
  }
  await Promise.all(asked);
  return histogram.getValueAtPercentile(99);
}

/** Each asks again as soon as it is refused, never twice with the same password. Returns how many were. */
async function guess(site: Site, until: () => boolean): Promise<number> {
  let refused = 0;
  const client = async (user: number): Promise<void> => {
    while (!until()) {
      const authorization = `Basic ${Buffer.from(`u${user}:${process.hrtime.bigint()}`).toString('base64')}`;
      const status = await site.ask('guarded.test', { authorization });
      if (status !== 401) throw new Error(`a wrong password was answered with ${status}`);
      refused++;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, user) => client(user)));
  return refused;
}

function keysFor(server: string): Fields {
  const hash = bcrypt.hashSync('secret', COST);
  const users = Array.from({ length: CLIENTS }, (_, user) => `u${user}:${hash}`);
  return {
    'backends/b/servers/s/url': server,
    'frontends/plain/backend': 'b',
    'frontends/plain/routes/r/rule': 'Host:plain.test',
    'frontends/guarded/backend': 'b',
    'frontends/guarded/routes/r/rule': 'Host:guarded.test',
    'frontends/guarded/auth/basic/users': users.join(','),
  };
}

/** @throws Error when something was not answered as it should be. */
export async function measurePasswords(
  { rounds }: PasswordsOptions,
  processes: Processes,
  tell: (text: string) => void,
): Promise<void> {
  const server = createServer((_, response) => response.end('x')).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const folder = processes.folder('passwords');
  writeFolder(folder, keysFor(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
  const port = await freePort();
  const tsuji = processes.start('tsuji', null, tsujiCommand(ROOT, port, [`--folder=${folder}`]));
  await untilListening(tsuji, port);
  const site = new Site(port);
  try {
    while ((await site.ask('plain.test')) !== 200) await sleep(50);
    await bystander(site, WARM_UP_MS);
    const quiet: number[] = [];
    const busy: number[] = [];
    const perSecond: number[] = [];
    for (let round = 0; round < rounds; round++) {
      tell(`passwords: round ${round + 1} of ${rounds}`);
      quiet.push((await bystander(site, ROUND_MS)) / 1_000);
      let isOver = false;
      const startedAt = performance.now();
      const guessing = guess(site, () => isOver);
      busy.push((await bystander(site, ROUND_MS)) / 1_000);
      isOver = true;
      // Those who wait are still compared, so the next round begins when they are through.
      perSecond.push((await guessing) / ((performance.now() - startedAt) / 1_000));
    }
    tell('');
    const { cores } = describeMachine();
    const rows = [
      ['alone', quiet],
      [`beside ${CLIENTS} clients with wrong passwords`, busy],
      ['more, round by round', busy.map((value, i) => value - quiet[i])],
    ] as const;
    console.log(`p99 of ${PER_SECOND} requests/s to a route without auth, bcrypt of cost ${COST}, ${cores} cores,`);
    console.log(`${rounds} rounds of ${ROUND_MS / 1_000} s; ${spreadOf(perSecond).median.toFixed(1)} comparisons/s`);
    const shown = rows.map(([name, values]) => {
      const spread = spreadOf(values);
      return [name, spread.median.toFixed(2), formatRange(spread)];
    });
    console.log(formatTable(['', 'p99 ms', 'min–max'], shown));
  } finally {
    site.close();
    server.close();
  }
}
