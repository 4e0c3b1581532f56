/** Tokens of a provider as OpenID Connect Discovery 1.0 has it, which changes its keys (shared/spec frontend-options §3.14). */
import assert from 'node:assert/strict';
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import { exportJWK, type GenerateKeyPairResult, generateKeyPair, type JWK, SignJWT } from 'jose';
import { OWN_HOST } from '../harness/own-host.ts';
import { addRoute, startTsuji, type Tsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const EAGER_KEYS = new URL('../harness/eager-keys-hook.ts', import.meta.url).href;

class Provider {
  issuer = '';
  isDown = false;
  /** What it tells of them. */
  published: JWK[] = [];
  private signing: GenerateKeyPairResult | null = null;
  private kid = '';

  async start(t: TestContext): Promise<void> {
    const server = createServer((request, response) => {
      const pages: Record<string, object> = {
        '/.well-known/openid-configuration': { issuer: this.issuer, jwks_uri: `${this.issuer}/keys` },
        '/keys': { keys: this.published },
      };
      const page = this.isDown ? undefined : pages[request.url!];
      response.writeHead(page === undefined ? 503 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(page ?? {}));
    });
    await new Promise<void>((resolve) => server.listen(0, OWN_HOST, resolve));
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    this.issuer = `http://${OWN_HOST}:${(server.address() as AddressInfo).port}`;
  }

  /** Signs with a new key from now on, and tells of it besides those before, but for what `forgets` names. */
  async turn(kid: string, forgets = ''): Promise<void> {
    this.signing = await generateKeyPair('RS256');
    this.kid = kid;
    const jwk = { ...(await exportJWK(this.signing.publicKey)), kid, use: 'sig', alg: 'RS256' };
    this.published = [jwk, ...this.published.filter((each) => each.kid !== forgets)];
  }

  token(): Promise<string> {
    const claims = new SignJWT({ scope: 'openid api' }).setProtectedHeader({
      alg: 'RS256',
      typ: 'at+jwt',
      kid: this.kid,
    });
    return claims
      .setIssuer(this.issuer)
      .setAudience('api')
      .setSubject('jane')
      .setExpirationTime('5m')
      .sign(this.signing!.privateKey);
  }
}

async function statusOf(tsuji: Tsuji, host: string, token: string): Promise<number> {
  return new Promise((resolve, reject) => {
    get({ host: OWN_HOST, port: tsuji.port, headers: { host, authorization: `Bearer ${token}` } }, (response) => {
      response.resume();
      resolve(response.statusCode!);
    }).on('error', reject);
  });
}

test('tokens of a provider are good by the keys that it tells of, also when it changes them or cannot be reached', async (t) => {
  const provider = new Provider();
  await provider.start(t);
  await provider.turn('one');
  const site = createServer((_, response) => response.end());
  await new Promise<void>((resolve) => site.listen(0, OWN_HOST, resolve));
  t.after(() => site.close());
  const tsuji = await startTsuji(t, {
    imports: [EAGER_KEYS],
    flags: [`--entryPoints=Name:http Address:${OWN_HOST}:0`],
    workers: 2,
  });
  const configuration = await (await fetch(`${provider.issuer}/.well-known/openid-configuration`)).json();
  const { issuer, jwks_uri: keys } = configuration as { issuer: string; jwks_uri: string };
  const host = await addRoute(tsuji, [`http://${OWN_HOST}:${(site.address() as AddressInfo).port}`], {
    'frontends/$/jwt/jwksurl': keys,
    'frontends/$/jwt/allowhttp': 'true',
    'frontends/$/jwt/issuer': issuer,
    'frontends/$/jwt/audience': 'api',
    'frontends/$/jwt/claims/scope': 'api',
  });
  const key = `/frontends/${host.split('.')[0]}/jwt/jwksurl`;
  const problem = async (): Promise<string> =>
    (await tsuji.status()).problems.find((each) => each.key === key)?.reason ?? '';
  const first = await provider.token();
  assert.equal(await statusOf(tsuji, host, first), 200);

  await provider.turn('two');
  const second = await provider.token();
  for (const token of [second, first]) assert.equal(await statusOf(tsuji, host, token), 200);

  await provider.turn('three', 'one');
  assert.equal(await statusOf(tsuji, host, await provider.token()), 200);
  await waitFor(
    async () => (await statusOf(tsuji, host, first)) === 401,
    'the first key to be gone, remembered tokens too',
  );
  assert.equal(await statusOf(tsuji, host, second), 200);

  provider.isDown = true;
  await provider.turn('four');
  const fourth = await provider.token();
  assert.equal(await statusOf(tsuji, host, fourth), 401);
  assert.equal(await statusOf(tsuji, host, second), 200);
  await waitFor(async () => (await problem()) !== '', 'the problem');
  assert.match(await problem(), /it answers with status 503\); those that were there before count for a day$/);
  provider.isDown = false;
  assert.equal(await statusOf(tsuji, host, fourth), 200);
  await waitFor(async () => (await problem()) === '', 'no problem');
});
