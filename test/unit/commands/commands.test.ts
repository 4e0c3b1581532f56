import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { describe, type TestContext, test } from 'node:test';
import { type RunResult, run } from '../../harness/tools.ts';
import { MAIN } from '../../harness/tsuji.ts';

/** Runs a command in a process of its own, because it writes to standard output. */
function tsuji(...argv: string[]): Promise<RunResult> {
  return run(process.execPath, [MAIN, ...argv]);
}

async function serve(t: TestContext, answer: RequestListener): Promise<number> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  return address !== null && typeof address === 'object' ? address.port : 0;
}

describe('commands', { concurrency: 3 }, () => {
  test('version prints five lines first, with the values from column 14 on', async () => {
    const { code, stdout } = await tsuji('version');
    assert.equal(code, 0);
    const lines = stdout.trimEnd().split('\n');
    assert.deepEqual(
      lines.slice(0, 5).map((line) => line.slice(0, 14).trimEnd()),
      ['Version:', 'Codename:', 'Node version:', 'Built:', 'OS/Arch:'],
    );
    assert.match(lines[0].slice(14), /^\d+\.\d+\.\d+$/);
    assert.equal(lines[2].slice(14), process.versions.node);
  });

  test('version answers whatever the environment says, also as --version and as JSON', async () => {
    const env = { TSUJI_WORKERS: 'x' };
    const [flag, json] = await Promise.all([
      run(process.execPath, [MAIN, '--version'], { env }),
      run(process.execPath, [MAIN, 'Version', '--json'], { env }),
    ]);
    assert.match(flag.stdout, /^Version: {6}\d/);
    assert.equal((JSON.parse(json.stdout) as { node_version: string }).node_version, process.versions.node);
  });

  test('a command that is called as it cannot be ends with 2, and names the nearest option', async () => {
    const results = await Promise.all([
      tsuji('wait'),
      tsuji('diff', '--form=3'),
      tsuji('wait', '5', '--source=etcd4'),
      tsuji('help', 'rolback'),
      tsuji('confirm', '--web', '--etcd.tls=maybe'),
    ]);
    assert.deepEqual(
      results.map(({ code, stderr }) => `${code} ${stderr.split('\n')[0]}`),
      [
        '2 wait: it needs REVISION',
        '2 diff: unknown option "--form"; did you mean --from?',
        '2 wait: --source: "etcd4" is none of etcdv3, etcdv2',
        '2 help: unknown command "rolback"; did you mean rollback?',
        '2 confirm: --etcd.tls: "maybe" is neither true nor false',
      ],
    );
  });

  test('help of a command is the same by three ways, and the short help is what --help gives', async () => {
    const [one, other, third, bare, all] = await Promise.all([
      tsuji('help', 'diff'),
      tsuji('diff', '--help'),
      tsuji('diff', '--from=1', '-h'),
      tsuji('--help'),
      tsuji('--help', 'all'),
    ]);
    assert.match(one.stdout, /^usage: tsuji diff \[options\]/);
    assert.deepEqual([other, third], [one, one]);
    assert.deepEqual([bare.code, bare.stdout.includes('--etcd.prefix')], [0, false]);
    assert.deepEqual([all.code, all.stdout.includes('--etcd.prefix')], [0, true]);
  });

  test('healthcheck asks ping by HEAD, below the path of the dashboard', async (t) => {
    const asked: string[] = [];
    const port = await serve(t, (request, response) => {
      asked.push(`${request.method} ${request.url}`);
      response.end();
    });
    const { code, stdout } = await tsuji('healthcheck', `--web.address=:${port}`, '--web.path=/admin');
    assert.deepEqual([code, stdout], [0, `OK: http://127.0.0.1:${port}/admin/ping\n`]);
    assert.deepEqual(asked, ['HEAD /admin/ping']);
  });

  test('healthcheck fails with the status when ping does not answer 200', async (t) => {
    const port = await serve(t, (_request, response) => response.writeHead(503).end());
    const { code, stdout, stderr } = await tsuji('healthcheck', `--web.address=127.0.0.1:${port}`);
    assert.deepEqual([code, stdout], [1, '']);
    assert.equal(stderr, `healthcheck: http://127.0.0.1:${port}/ping answered 503\n`);
  });

  test('healthcheck fails with the reason when nobody listens, for an address as for a name', async () => {
    for (const host of ['', 'localhost']) {
      const { code, stderr } = await tsuji('healthcheck', `--web.address=${host}:1`);
      assert.equal(code, 1);
      assert.match(stderr, /ECONNREFUSED/);
    }
  });

  test('healthcheck waits five seconds for an answer', async (t) => {
    const port = await serve(t, () => {});
    const { code, stderr } = await tsuji('healthcheck', `--web.address=:${port}`);
    assert.equal(code, 1);
    assert.match(stderr, /no answer within 5 s/);
  });

  test('healthcheck says when nobody runs here with its flags, and takes no flags that are none', async () => {
    for (const flag of ['--folder=/nowhere', '--web.address=:0']) {
      const { code, stderr } = await tsuji('healthcheck', flag);
      assert.deepEqual([code, stderr.includes('no tsuji runs here with these flags')], [1, true]);
    }
    assert.match((await tsuji('healthcheck', '--folders=/nowhere')).stderr, /unknown flag "--folders"/);
    assert.match((await tsuji('healthcheck', '--help')).stdout, /tsuji healthcheck/);
  });
});
