/** In which order the options of a frontend and its backend are evaluated (docs/options.md, "Order"): each pair of them. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import test, { after } from 'node:test';
import { type Answer, ENGINES, type Engine, startEngines, whole } from '../harness/engines.ts';
import { answering, ok, startRawServer } from '../harness/raw.ts';
import { waitFor } from '../harness/wait.ts';

type Whole = Answer & { readonly body: Buffer };
type Guard = {
  readonly name: string;
  /** `f/` and `b/` stand for the frontend and its backend. */
  readonly keys: Readonly<Record<string, string>>;
  /** It is this one that has answered. */
  readonly answered: (answer: Whole) => boolean;
};

const isRefusal = (status: number, text: string) => (answer: Whole) =>
  answer.status === status && answer.body.toString().includes(text);
const challenges = (scheme: string) => (answer: Whole) =>
  answer.status === 401 && (answer.fields['www-authenticate'] ?? '').startsWith(scheme);

/** Each answers the request of `ask` itself, the first ones before the others. */
const GUARDS: readonly Guard[] = [
  {
    name: 'deny list',
    keys: { 'f/denylist/sourcerange': '127.0.0.1', 'f/denylist/status': '410' },
    answered: ({ status }) => status === 410,
  },
  { name: 'allow list', keys: { 'f/whitelist/sourcerange': '10.0.0.0/8' }, answered: isRefusal(403, 'Forbidden') },
  {
    name: 'redirect',
    keys: { 'f/redirect/regex': '^.*$', 'f/redirect/replacement': 'http://elsewhere.test/' },
    answered: ({ fields }) => fields.location === 'http://elsewhere.test/',
  },
  {
    name: 'CORS preflight',
    keys: { 'f/headers/accesscontrolalloworiginlist': '*', 'f/headers/accesscontrolallowmethods': 'PUT' },
    answered: ({ status, fields }) => status < 300 && fields['access-control-allow-methods'] !== undefined,
  },
  { name: 'allowed hosts', keys: { 'f/headers/allowedhosts': 'other.test' }, answered: isRefusal(500, 'Bad Host') },
  {
    name: 'jwt',
    keys: { 'f/jwt/secret': Buffer.alloc(32, 1).toString('base64url') },
    answered: challenges('Bearer'),
  },
  {
    name: 'auth',
    keys: { 'f/auth/digest/users': 'test:traefik:a2688e031edb4be6a3797f3882655c05' },
    answered: challenges('Digest'),
  },
  { name: 'limits', keys: { 'f/limits/maxtargetbytes': '4' }, answered: ({ status }) => status === 414 },
  {
    name: 'rate limit',
    keys: {
      'f/ratelimit/extractorfunc': 'request.host',
      'f/ratelimit/rateset/r/period': '1h',
      'f/ratelimit/rateset/r/average': '1',
      'f/ratelimit/rateset/r/burst': '1',
    },
    answered: isRefusal(429, 'max rate reached'),
  },
  { name: 'buffering', keys: { 'b/buffering/maxrequestbodybytes': '4' }, answered: isRefusal(413, '') },
  {
    name: 'most connections',
    keys: { 'b/maxconn/amount': '-1', 'b/maxconn/extractorfunc': 'request.host' },
    answered: isRefusal(429, 'max connections reached'),
  },
];

const engines = await startEngines({ after });
const { tsuji } = engines;
let reached = 0;
const server = await startRawServer(
  { after },
  answering(() => {
    reached++;
    return ok('the server');
  }),
);

function route(name: string, ...guards: readonly Guard[]): void {
  for (const { keys } of guards) {
    for (const [key, value] of Object.entries(keys)) {
      tsuji.set(key.replace(/^f/, `frontends/${name}`).replace(/^b/, `backends/${name}`), value);
    }
  }
  tsuji.set(`backends/${name}/servers/s/url`, server.url);
  tsuji.set(`frontends/${name}/backend`, name);
  tsuji.set(`frontends/${name}/routes/r/rule`, `Host:${name}.test`);
}

async function ask(
  engine: Engine,
  name: string,
  fields: Record<string, string> = {},
  method = 'OPTIONS',
): Promise<Whole> {
  const cleanups: (() => unknown)[] = [];
  const asked = engines.client({ after: (fn) => cleanups.push(fn) }, engine).ask({
    method,
    path: '/long',
    host: `${name}.test`,
    fields: { origin: 'http://page.test', 'access-control-request-method': 'PUT', ...fields },
    body: Buffer.from('hello'),
  });
  const answer = await whole(asked);
  for (const cleanup of cleanups) cleanup();
  return answer;
}

const pairs = GUARDS.flatMap((first, i) =>
  GUARDS.slice(i + 1).map((second, j) => ({ first, second, at: `${i}-${j}` })),
);
for (const { first, second, at } of pairs) route(`p${at}`, first, second);
for (const [i, guard] of GUARDS.entries()) {
  route(`alone${i}`, guard);
  // With a page for whatever it answers.
  route(`paged${i}`, guard);
  tsuji.set(`frontends/paged${i}/errors/all/status`, '200-599');
  tsuji.set(`frontends/paged${i}/errors/all/backend`, 'pages');
  tsuji.set(`frontends/paged${i}/errors/all/query`, '/page');
}
tsuji.set('backends/pages/servers/s/url', server.url);
route('last');
await waitFor(
  async () => (await ask('uws', 'last')).status === 200 && (await tsuji.status()).settled === true,
  'the routes to be served',
);

for (const engine of ENGINES) {
  test(`${engine}: each option answers by itself, and the one that is documented as the first does where two would`, async () => {
    reached = 0;
    for (const [i, { name, answered }] of GUARDS.entries()) {
      // The first request is within the rate.
      await ask(engine, `alone${i}`);
      const answer = await ask(engine, `alone${i}`);
      assert.ok(answered(answer), `${name}: ${answer.status} ${answer.body}`);
    }
    // That one alone.
    assert.ok(reached <= 1, `${reached} requests have come to the server`);
    for (const { first, second, at } of pairs) {
      await ask(engine, `p${at}`);
      const answer = await ask(engine, `p${at}`);
      assert.ok(first.answered(answer), `${first.name} before ${second.name}: ${answer.status} ${answer.body}`);
    }
  });

  test(`${engine}: an error page sees the answers of all of them`, async () => {
    for (const [i, { name }] of GUARDS.entries()) {
      await ask(engine, `paged${i}`);
      const answer = await ask(engine, `paged${i}`);
      assert.equal(answer.body.toString(), 'the server', name);
    }
  });
}

test('the fields of a response are set by the server, then by security headers, then by CORS, then by custom headers', async () => {
  route('fields', {
    name: '',
    keys: {
      'f/headers/framedeny': 'true',
      'f/headers/contenttypenosniff': 'true',
      'f/headers/accesscontrolalloworiginlist': 'http://page.test',
      'f/headers/accesscontrolexposeheaders': 'A',
      'f/headers/customresponseheaders/X-Frame-Options': 'custom',
      'f/headers/customresponseheaders/Access-Control-Expose-Headers': 'custom',
    },
    answered: () => true,
  });
  await waitFor(
    async () => (await ask('uws', 'fields', {}, 'PUT')).fields['x-frame-options'] === 'custom',
    'the custom field to win',
  );
  const { fields } = await ask('uws', 'fields', {}, 'PUT');
  assert.equal(fields['x-content-type-options'], 'nosniff');
  assert.equal(fields['access-control-allow-origin'], 'http://page.test');
  assert.equal(fields['access-control-expose-headers'], 'custom');
});

test('auth sees what custom headers have set, and a token is asked for before it', async () => {
  const secret = Buffer.alloc(32, 1);
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'HS256' })}.${part({ exp: 4_000_000_000 })}`;
  const token = `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
  route('both', {
    name: '',
    keys: {
      'f/jwt/secret': secret.toString('base64url'),
      'f/jwt/sources': 'header:X-Token',
      'f/auth/basic/users': 'test:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=',
      'f/headers/customrequestheaders/Authorization': `Basic ${Buffer.from('test:test').toString('base64')}`,
    },
    answered: () => true,
  });
  await waitFor(async () => (await ask('uws', 'both')).status === 401, 'the route to be served');
  assert.ok(challenges('Bearer')(await ask('uws', 'both')));
  assert.equal((await ask('uws', 'both', { 'x-token': token })).status, 200);
});

test('a preflight is answered by what the client sends, whatever custom request headers set for those behind', async () => {
  route('forged', {
    name: '',
    keys: {
      'f/headers/accesscontrolalloworiginlist': 'http://page.test',
      'f/headers/customrequestheaders/Origin': 'http://forged.test',
    },
    answered: () => true,
  });
  await waitFor(async () => (await ask('uws', 'forged', {}, 'PUT')).status === 200, 'the route to be served');
  assert.equal((await ask('uws', 'forged')).fields['access-control-allow-origin'], 'http://page.test');
});
