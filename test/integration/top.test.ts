/** `tsuji top` asks a real tsuji, and is drawn on a real terminal. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import test, { after } from 'node:test';
import { findProgram } from '../../scripts/find-program.mjs';
import { OWN_HOST } from '../harness/own-host.ts';
import { run } from '../harness/tools.ts';
import { MAIN, startTsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const tsuji = await startTsuji(
  { after },
  {
    keys: {
      'backends/shop/servers/s1/url': 'http://127.0.0.1:1',
      'backends/news/servers/s1/url': 'http://127.0.0.1:1',
      'frontends/front/backend': 'shop',
      'frontends/front/routes/r/rule': 'Host:shop.test',
    },
  },
);

// What it tells is of its last look.
await waitFor(async () => {
  const list = (await (await tsuji.api('/api/ui/list/frontends')).json()) as { total: number };
  return list.total === 1;
}, 'the first look');

function words(...more: string[]): string[] {
  return [MAIN, 'top', `--web.address=${OWN_HOST}:${tsuji.adminPort}`, ...more];
}

test('without a terminal it prints a table and ends; what cannot be asked for is told', async () => {
  const [backends, frontends, wrong] = await Promise.all([
    run(process.execPath, words('--sort=name')),
    run(process.execPath, words('--once', '--list=frontends', '--filter=front')),
    run(process.execPath, words('--sort=size')),
  ]);
  assert.equal(backends.code, 0, backends.stderr);
  assert.match(
    backends.stdout,
    /^tsuji \d[\s\S]*\nbackends: 1 to 2 of 2\n\nNAME▴[^\n]*\nnews +[a-z]+ +1\/1 [^\n]*\nshop /,
  );
  assert.match(
    frontends.stdout,
    /\nfrontends: 1 to 1 of 1, filter front\n\n[^\n]*\nfront [^\n]* shop +Host:shop\.test\n$/,
  );
  assert.deepEqual([wrong.code, /^top: sort: there is no column size/.test(wrong.stderr)], [2, true], wrong.stderr);
});

test('on a terminal it draws until q, and leaves all as it was', {
  skip: findProgram('script') ? false : 'script is not installed (package bsdutils)',
}, async () => {
  const line = [process.execPath, ...words()].map((word) => `'${word}'`).join(' ');
  const script = spawn('script', ['-qec', `stty rows 12 cols 90; ${line}`, '/dev/null']);
  after(() => script.kill('SIGKILL'));
  let output = '';
  for await (const chunk of script.stdout) {
    const isDrawn = output.includes('q quit');
    output += chunk;
    if (!isDrawn && output.includes('q quit')) script.stdin.write('q');
  }
  assert.match(output, /\x1b\[\?1049h[\s\S]*backends: [\s\S]*\x1b\[\?1049l$/);
});
