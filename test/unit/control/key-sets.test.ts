/** Key sets (JWKS) as the main thread keeps them fresh (shared/spec frontend-options §3.14). */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import test, { type TestContext } from 'node:test';
import { type FetchedKeySet, fetchKeySet } from '../../../src/control/key-sets/fetch-key-set.ts';
import { KeySets } from '../../../src/control/key-sets/key-sets.ts';
import type { VerificationKey } from '../../../src/kernel/verification-keys.ts';
import { listening } from '../../harness/listening.ts';
import { captureLog } from '../../harness/log.ts';

const lines = captureLog();
const HOUR = 3_600_000;
const URL_A = 'https://a.com/keys';
const key = (kid: string): VerificationKey => ({ kid, alg: '', jwk: { kty: 'OKP', crv: 'Ed25519', x: kid } });
const wants = (...urls: string[]) => ({ options: { jwt: { jwksUrl: urls[0] ?? '' } } });

class Bench {
  now = 0;
  readonly asked: string[] = [];
  readonly told: string[] = [];
  /** Times that problems have changed. */
  news = 0;
  answer: FetchedKeySet | null = { keys: [key('one')], maxAge: null };
  readonly sets: KeySets;
  private readonly t: TestContext;

  constructor(t: TestContext) {
    this.t = t;
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const say =
      (to: string) =>
      (changed: readonly { url: string; keys: readonly VerificationKey[] }[], removed: readonly string[]): void => {
        for (const { keys } of changed) this.told.push(`${to}: ${keys.map(({ kid }) => kid).join(' ')}`);
        for (const url of removed) this.told.push(`${to}: no ${url}`);
      };
    this.sets = new KeySets({
      prefix: '/traefik',
      onProblems: () => {
        this.news++;
      },
      now: () => this.now,
      fetch: async (url) => {
        this.asked.push(url);
        if (this.answer === null) throw new Error('down');
        return this.answer;
      },
      onChange: say('all'),
      onAnswer: (worker, changed, removed) => say(String(worker))(changed, removed),
    });
  }

  follow(frontends: Record<string, ReturnType<typeof wants>>, changed = Object.keys(frontends)): void {
    this.sets.follow(new Map(Object.entries(frontends)), changed);
  }

  async pass(ms: number): Promise<void> {
    this.now += ms;
    this.t.mock.timers.tick(ms);
    await this.settled();
  }

  async settled(): Promise<void> {
    for (let i = 0; i < 10; i++) await Promise.resolve();
  }

  problems(): string[] {
    return [...this.sets.problems().values()].map(({ key, state, reason }) => `${key} ${state}: ${reason}`);
  }

  took(): { asked: number; told: string[] } {
    return { asked: this.asked.splice(0).length, told: this.told.splice(0) };
  }
}

test('a set is fetched at once, once for all frontends, and again when it is old; workers hear of what differs', async (t) => {
  const bench = new Bench(t);
  bench.follow({ f: wants(URL_A), g: wants(URL_A), h: { options: {} } as never });
  assert.deepEqual(bench.sets.published(), []);
  await bench.settled();
  assert.deepEqual(bench.took(), { asked: 1, told: ['all: one'] });
  assert.deepEqual(bench.sets.published(), [{ url: URL_A, keys: [key('one')] }]);
  bench.answer = { keys: [key('one')], maxAge: 60 };
  await bench.pass(HOUR);
  assert.deepEqual(bench.took(), { asked: 1, told: [] });
  bench.answer = { keys: [key('two')], maxAge: 1e9 };
  await bench.pass(299_000);
  assert.deepEqual(bench.took(), { asked: 0, told: [] });
  await bench.pass(1_000);
  assert.deepEqual(bench.took(), { asked: 1, told: ['all: two'] });
  await bench.pass(24 * HOUR);
  assert.equal(bench.took().asked, 1);
  bench.follow({ f: wants(URL_A) }, ['g']);
  assert.deepEqual(bench.took().told, []);
  bench.follow({}, ['f']);
  assert.deepEqual(bench.took().told, [`all: no ${URL_A}`]);
  await bench.pass(48 * HOUR);
  assert.equal(bench.took().asked, 0);
});

test('keys outlive failures for a day', async (t) => {
  const bench = new Bench(t);
  bench.follow({ f: wants(URL_A) });
  await bench.settled();
  bench.took();
  bench.answer = null;
  await bench.pass(HOUR);
  assert.deepEqual(bench.took(), { asked: 1, told: [] });
  await bench.pass(5_000);
  await bench.pass(9_000);
  assert.equal(bench.took().asked, 1);
  await bench.pass(1_000);
  assert.equal(bench.took().asked, 1);
  for (let minutes = 0; minutes < 22 * 60; minutes += 5) await bench.pass(300_000);
  assert.deepEqual(bench.took().told, []);
  for (let minutes = 0; minutes < 60; minutes += 5) await bench.pass(300_000);
  assert.deepEqual(bench.took().told, ['all: ']);
  bench.answer = { keys: [key('new')], maxAge: null };
  await bench.pass(300_000);
  assert.deepEqual(bench.took().told, ['all: new']);
  const told = lines.map(({ event, level, url }) => [event, level, url].join(' '));
  const outage = ['key_set_lost warning', 'key_set_lost error', 'key_set_live error'];
  assert.deepEqual(
    told,
    outage.map((line) => `${line} ${URL_A}`),
  );
});

test('what cannot be fetched is a problem of each key that names it, until it can, or is named no more', async (t) => {
  const bench = new Bench(t);
  const [noKeys, oldKeys] = ['whoever brings a token gets 503', 'those that were there before count for a day'].map(
    (effect) => (name: string) =>
      `/traefik/frontends/${name}/jwt/jwksurl warned: its keys cannot be fetched (down); ${effect}`,
  );
  bench.answer = null;
  bench.follow({ f: wants(URL_A), g: wants(URL_A) });
  assert.deepEqual(bench.problems(), []);
  await bench.settled();
  assert.deepEqual([bench.problems(), bench.news], [[noKeys('f'), noKeys('g')], 1]);
  await bench.pass(5_000);
  bench.follow({ g: wants(URL_A), h: wants(URL_A) }, ['f', 'h']);
  assert.deepEqual([bench.problems(), bench.news], [[noKeys('g'), noKeys('h')], 1]);
  bench.answer = { keys: [key('one')], maxAge: null };
  await bench.pass(10_000);
  assert.deepEqual([bench.problems(), bench.news], [[], 2]);
  bench.answer = null;
  await bench.pass(HOUR);
  assert.deepEqual([bench.problems(), bench.news], [[oldKeys('g'), oldKeys('h')], 3]);
  bench.follow({}, ['g', 'h']);
  assert.deepEqual(bench.problems(), []);
});

test('an unknown key has a set fetched again at most once a minute, and whoever asks is answered', async (t) => {
  const bench = new Bench(t);
  bench.follow({ f: wants(URL_A) });
  bench.sets.asked(0, URL_A);
  await bench.settled();
  assert.deepEqual(bench.took(), { asked: 1, told: ['all: one'] });
  bench.sets.asked(0, URL_A);
  await bench.settled();
  assert.deepEqual(bench.took(), { asked: 0, told: ['0: one'] });
  await bench.pass(60_000);
  bench.sets.asked(0, URL_A);
  bench.sets.asked(1, URL_A);
  await bench.settled();
  assert.deepEqual(bench.took(), { asked: 1, told: ['0: one', '1: one'] });
  bench.sets.asked(1, 'https://b.com/');
  assert.deepEqual(bench.took().told, ['1: no https://b.com/']);
});

test('a set comes from the host that was named, is bounded, and what is no key for signatures is left out', async (t) => {
  const jwk = { ...generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }), kid: 'good' };
  const pages: Record<string, string> = {
    '/good': JSON.stringify({ keys: [{ ...jwk, use: 'enc' }, { kty: 'oct', k: 'eA' }, 7, jwk] }),
    '/none': JSON.stringify({ keys: [{ kty: 'oct', k: 'eA' }] }),
    '/list': JSON.stringify([jwk]),
    '/text': '<html>',
    '/long': JSON.stringify({ keys: [jwk], more: 'x'.repeat(262_144) }),
  };
  const site = await listening(
    t,
    createServer((request, response) => {
      const to = /^\/to(.*)$/.exec(request.url!)?.[1];
      if (to !== undefined) response.writeHead(302, { location: decodeURIComponent(to) }).end();
      else if (pages[request.url!] === undefined) response.writeHead(404).end();
      else response.writeHead(200, { 'cache-control': 'public, max-age=600' }).end(pages[request.url!]);
    }),
  );
  const other = await listening(
    t,
    createServer((_, response) => response.end(pages['/good'])),
  );
  for (const path of ['/good', '/to/good', '/to/to/good']) {
    const { keys, maxAge } = await fetchKeySet(site + path, null);
    assert.deepEqual([keys.map(({ kid }) => kid), maxAge], [['good'], 600]);
  }
  const refused: Record<string, RegExp> = {
    '/none': /no key that may be used: kty "oct"/,
    '/list': /no list of keys/,
    '/text': /no JSON/,
    '/long': /longer/,
    '/missing': /status 404/,
    [`/to${encodeURIComponent(other)}`]: /another host/,
    '/to/to/to/to/good': /status 302/,
  };
  for (const [path, reason] of Object.entries(refused))
    await assert.rejects(fetchKeySet(site + path, null), reason, path);
});
