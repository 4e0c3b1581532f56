import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { describe, type TestContext, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type RunResult, run } from '../../harness/tools.ts';

const SOURCES = pathToFileURL(`${import.meta.dirname}/../../../src/`);

/** Runs a command in a process of its own, because it writes to standard output. */
function tsuji(...argv: string[]): Promise<RunResult> {
  return run(process.execPath, [fileURLToPath(new URL('main.ts', SOURCES)), ...argv]);
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
  test('version prints five lines with the values from column 14 on', async () => {
    const { code, stdout } = await tsuji('version');
    assert.equal(code, 0);
    const lines = stdout.trimEnd().split('\n');
    assert.deepEqual(
      lines.map((line) => line.slice(0, 14).trimEnd()),
      ['Version:', 'Codename:', 'Node version:', 'Built:', 'OS/Arch:'],
    );
    assert.match(lines[0].slice(14), /^\d+\.\d+\.\d+$/);
    assert.equal(lines[2].slice(14), process.versions.node);
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
