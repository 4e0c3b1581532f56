/** What an operator sees of tsuji at the default level, in order and bounded in rate. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { response } from '../harness/exchanges.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { ok, rawClient, startRawServer } from '../harness/raw.ts';
import { freePort, startEtcd } from '../harness/tools.ts';
import { addRoute, startTsuji, Tsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const get = (host: string): string => `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

/** Lines of one event, whole. */
function linesOf({ output }: Tsuji, event: string): string[] {
  return output.split('\n').filter((line) => line.includes(` event=${event} `) || line.endsWith(` event=${event}`));
}

/** Until an event has come that says all of `parts`. */
async function told(tsuji: Tsuji, event: string, ...parts: RegExp[]): Promise<string> {
  return waitFor(
    () => linesOf(tsuji, event).find((line) => parts.every((part) => part.test(line))),
    () => `${event} ${parts.join(' ')}, the log is\n${tsuji.output}`,
  );
}

const tsuji = await startTsuji({ after }, { workers: 2 });

test('the start says what runs, where it listens, and that there is no key', async () => {
  await told(
    tsuji,
    'start',
    /version=\d+\.\d+\.\d+ node=v\d+\S* commit=[0-9a-f]* workers=2 sources="folder \S+" config_file= entrypoints=http/,
    /settings="entryPoints,folder,web,web.address,workers"/,
  );
  await told(
    tsuji,
    'listening',
    /level=info/,
    new RegExp(`entrypoint=http address="${OWN_HOST}:\\d+" tls=false engine=uws proxy_protocol=false`),
  );
  await told(tsuji, 'admin_listening', new RegExp(`address="${OWN_HOST}:\\d+" path=/`));
  await told(tsuji, 'source_live', /level=info/, /source=folder revision=1 keys=0 after_ms=\d+/);
  await told(tsuji, 'no_keys', /level=warning/, /prefix=\S*tsuji-test-/);
  await told(
    tsuji,
    'config_applied',
    /generation=1 revision=folder@\d+ frontends=0 backends=0 servers=0 certificates=0 problems=0/,
  );
  await tsuji.hasSaid(
    new RegExp(
      `level=info msg="Server configuration reloaded on ${OWN_HOST}:0" event=configuration_reloaded address="${OWN_HOST}:0"\n`,
    ),
  );
});

test('a key with a problem is told, and its end at the same level', async () => {
  tsuji.set('frontends/broken/backend', 'nowhere');
  const key = /key=frontends\/broken\/backend|key=\/frontends\/broken\/backend/;
  await told(tsuji, 'problem', /level=error/, key, /state=rejected reason=".*nowhere/);
  tsuji.delete('frontends/broken');
  await told(tsuji, 'problem_gone', /level=error/, key);
});

test('what a key brings neither ends its line nor moves a terminal', async () => {
  tsuji.set('frontends/evil/backend', 'a\n\x1b[2Jtime="x" level=fatal \u009b31m\u202e\u2066\u200b\ufeff\u2028"');
  const line = await told(tsuji, 'problem', /evil/);
  assert.match(line, /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]+$/u);
  assert.doesNotMatch(tsuji.output, /^time="x"/m);
  tsuji.set('frontends/evil/backend', 'y'.repeat(1 << 20));
  await told(tsuji, 'problem', /yyyy/);
  assert.ok(tsuji.output.split('\n').every((one) => Buffer.byteLength(one) < 4_096));
  tsuji.delete('frontends/evil');
});

test('an outage is told at once and once, however many requests fail, and so is its end', async (t) => {
  const port = await freePort();
  const url = `http://${OWN_HOST}:${port}`;
  const host = await addRoute(tsuji, [url]);
  const backend = host.split('.')[0];
  const client = await rawClient(t, tsuji.port);
  for (let i = 0; i < 100; i++) {
    client.send(get(host));
    assert.equal((await response(client)).status, 502);
  }
  const place = new RegExp(`backend=${backend} server=s1 url="${url}" by=connect`);
  await told(
    tsuji,
    'server_down',
    /level=warning/,
    place,
    /reason="the server cannot be reached" detail=".*ECONNREFUSED/,
  );
  await told(tsuji, 'backend_empty', /level=error/, new RegExp(`backend=${backend} frontends=${backend}`));
  const server = createServer((_, answer) => answer.end('well'));
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(port, OWN_HOST, resolve));
  await waitFor(async () => {
    client.send(get(host));
    await response(client);
    return linesOf(tsuji, 'backend_back').length > 0;
  }, 'the end to be told');
  await told(tsuji, 'server_up', /level=warning/, place, /up_of=1\/1/);
  await told(tsuji, 'backend_back', /level=error/);
  const lines = linesOf(tsuji, 'server_down').filter((line) => place.test(line));
  assert.equal(lines.length, 1, lines.join('\n'));
});

test('servers that come, are to get nothing new, and go are told', async () => {
  const host = await addRoute(tsuji, ['http://127.0.0.1:1']);
  const servers = `backends/${host.split('.')[0]}/servers`;
  tsuji.set(`${servers}/s2/url`, 'http://127.0.0.1:2');
  await told(tsuji, 'server_added', /level=info/, /server=s2 url="http:\/\/127.0.0.1:2"/);
  tsuji.set(`${servers}/s2/draining`, 'true');
  await told(tsuji, 'server_draining', /level=info/, /server=s2/);
  tsuji.delete(`${servers}/s2`);
  await told(tsuji, 'server_removed', /level=info/, /server=s2/);
});

test('a server that breaks is ejected and comes back, and both are told alike', async (t) => {
  let breaks = true;
  const server = await startRawServer(t, (connection) => {
    if (breaks) connection.destroy();
    else connection.socket.on('data', () => connection.send(ok('well')));
  });
  const good = await startRawServer(t, (connection) => {
    connection.socket.on('data', () => connection.send(ok('good')));
  });
  const host = await addRoute(tsuji, [server.url, good.url]);
  const ask = async (): Promise<void> => {
    const client = await rawClient(t, tsuji.port);
    client.send(get(host));
    await response(client);
    client.destroy();
  };
  const place = new RegExp(`backend=r\\d+ server=s1 url="${server.url}"`);
  await waitFor(async () => {
    await ask();
    return linesOf(tsuji, 'server_ejected').some((line) => place.test(line));
  }, 'the server to be ejected');
  await told(tsuji, 'server_ejected', /level=warning/, place, /for_ms=1000 in_a_row=1 ejected_of=1\/2/);
  breaks = false;
  await waitFor(async () => {
    await ask();
    return linesOf(tsuji, 'server_returned').length > 0;
  }, 'the server to return');
  await told(tsuji, 'server_returned', /level=warning/, place);
});

test('a drain tells its beginning, what it cuts, and the end', async (t) => {
  const server = await startRawServer(t);
  const drained = await startTsuji(t, { flags: ['--lifeCycle.graceTimeOut=300ms'] });
  const host = await addRoute(drained, [server.url]);
  const client = await rawClient(t, drained.port);
  client.send(get(host));
  await server.next();
  drained.kill('SIGTERM');
  assert.deepEqual(await drained.ended(), { code: 0, signal: null });
  await told(drained, 'drain_begin', /signal=SIGTERM accept_ms=0 grace_ms=300/);
  await told(drained, 'drain_end', /took_ms=\d+ cut=1/);
  await told(drained, 'stop', /code=0 took_ms=\d+/);
});

test('a log in a file is JSON when asked for, and goes on under its name when it was moved away', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tsuji-log-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'made', 'tsuji.log');
  const events = (file: string): string[] => {
    const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
    return lines.map((line) => (JSON.parse(line) as { event?: string }).event ?? '');
  };
  const filed = new Tsuji({ flags: [`--traefikLog.filePath=${path}`, '--traefikLog.format=json'] });
  t.after(() => filed.kill('SIGKILL'));
  await waitFor(() => events(path).includes('config_applied'), 'the first routes to be told');
  renameSync(path, `${path}.1`);
  filed.kill('SIGUSR1');
  await waitFor(() => events(path).includes('log_reopened'), 'the file to be made anew');
  filed.kill('SIGTERM');
  assert.deepEqual(await filed.ended(), { code: 0, signal: null });
  assert.deepEqual([events(`${path}.1`)[0], events(path).at(-1), filed.output], ['start', 'stop', '']);
});

test('nobody reads the log any more, and tsuji serves on', async (t) => {
  const server = await startRawServer(t, (connection) => {
    connection.socket.on('data', () => connection.send(ok('served')));
  });
  const unread = await startTsuji(t);
  unread.child.stdout!.destroy();
  const host = await addRoute(unread, [server.url], { 'frontends/$/nonsense': '1' });
  const client = await rawClient(t, unread.port);
  client.send(get(host));
  assert.equal((await response(client)).body, 'served');
  assert.equal(unread.exit, null);
});

test('one endpoint of etcd that hangs is no reason to listen without the settings in the store', async (t) => {
  const etcd = await startEtcd();
  t.after(() => etcd.stop());
  const mute = await startRawServer(t, () => {});
  const endpoints = `${new URL(mute.url).host},${etcd.endpoint}`;
  const follower = await startTsuji(t, { flags: ['--etcd', `--etcd.endpoint=${endpoints}`] });
  await told(follower, 'source_live', /source=etcdv3/);
  assert.ok(linesOf(follower, 'source_lost').length > 0, 'nothing has hung');
  assert.deepEqual(linesOf(follower, 'settings_missing'), []);
});

test('an etcd that cannot be reached, that has no keys, and that comes and goes is told with its reason', async (t) => {
  const etcd = await startEtcd();
  t.after(() => etcd.stop());
  await etcd.kill();
  const flags = ['--etcd', `--etcd.endpoint=${etcd.endpoint}`, '--etcd.prefix=/elsewhere', '--etcd.useAPIV3'];
  const follower = await startTsuji(t, { flags, noWait: true });
  await told(
    follower,
    'source_lost',
    /level=warning/,
    /source=etcdv3 last_revision= .*reason="etcd v3 at .*ECONNREFUSED/,
  );
  await told(follower, 'settings_missing', /level=error/);
  await etcd.restart();
  await told(follower, 'source_live', /level=warning msg/, /source=etcdv3 revision=\d+ keys=0 after_ms=\d+/);
  await told(follower, 'no_keys', /level=warning/, /prefix=\/elsewhere/);
  await etcd.ctl(3, 'put', '/elsewhere/backends/b/servers/s/url', 'http://127.0.0.1:1');
  await told(follower, 'keys_found', /level=warning/);
  await told(follower, 'config_applied', /frontends=0 backends=1 servers=1/);
  assert.equal(linesOf(follower, 'source_lost').length, 1, follower.output);
  await etcd.kill();
  await waitFor(() => linesOf(follower, 'source_lost').length === 2, 'the loss to be told');
  await etcd.restart();
  await waitFor(() => linesOf(follower, 'source_live').length === 2, 'the return to be told');
});
