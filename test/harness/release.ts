/** A tsuji as people install it, tried as they would. */
import assert from 'node:assert/strict';
import bcrypt from 'bcryptjs';
import { OWN_HOST } from './own-host.ts';
import { answering, ok, startRawServer } from './raw.ts';
import { run } from './tools.ts';
import { addRoute, startTsuji } from './tsuji.ts';

/**
 * Starts `program` with a folder of keys and asks for what needs each of its files: a route (a worker, the thread of the
 * compiler), a password (the thread that checks it), the dashboard; then ends it by SIGTERM.
 */
export async function assertServes(
  t: { after(fn: () => unknown): unknown },
  program: string,
  env: Record<string, string> = {},
): Promise<void> {
  const server = await startRawServer(
    t,
    answering(() => ok('hello')),
  );
  const tsuji = await startTsuji(t, { program, env });
  const users = `ann:${bcrypt.hashSync('secret', 4)}`;
  const open = await addRoute(tsuji, [server.url]);
  const closed = await addRoute(tsuji, [server.url], { 'frontends/$/auth/basic/users': users });
  const ask = async (host: string, ...options: string[]): Promise<string> => {
    const url = `http://${OWN_HOST}:${tsuji.port}/`;
    const asked = await run('curl', ['-s', '-w', ' %{http_code}', '-H', `Host: ${host}`, ...options, url]);
    return asked.stdout;
  };
  assert.equal(await ask(open), 'hello 200');
  assert.match(await ask(closed), / 401$/);
  assert.equal(await ask(closed, '-u', 'ann:secret'), 'hello 200');
  assert.match(await (await tsuji.api('/dashboard/')).text(), /<html/);
  // Files of ours and of packages alike.
  for (const name of ['main.js', 'screens/overview.js', 'preact.js', 'uplot.js', 'inter.woff2', 'licences.txt']) {
    assert.equal((await tsuji.api(`/dashboard/${name}`)).status, 200, name);
  }
  tsuji.kill('SIGTERM');
  assert.deepEqual(await tsuji.ended(), { code: 0, signal: null });
}
