import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { describe, type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { type RunResult, run } from '../../harness/tools.ts';

const SOURCES = pathToFileURL(`${import.meta.dirname}/../../../src/`);

/** Runs a command in a process of its own, because it writes to standard output. */
function tsuji(...argv: string[]): Promise<RunResult> {
  const script = `
    import { runHealthcheck } from '${new URL('commands/healthcheck.ts', SOURCES)}';
    import { runVersion } from '${new URL('commands/version.ts', SOURCES)}';
    import { parseFlags } from '${new URL('settings/parse-flags.ts', SOURCES)}';
    const { command, settings } = parseFlags(process.argv.slice(1), {});
    process.exitCode = command === 'version' ? runVersion() : await runHealthcheck(settings);`;
  return run(process.execPath, ['--input-type=module', '--eval', script, '--', ...argv]);
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

  test('healthcheck needs a ping that is on and has a known port', async () => {
    const off = await tsuji('healthcheck', '--etcd');
    assert.deepEqual([off.code, off.stderr.includes('/ping is off')], [1, true]);
    const free = await tsuji('healthcheck', '--web.address=:0');
    assert.deepEqual([free.code, free.stderr.includes('port of --web.address is 0')], [1, true]);
  });
});
