/** The examples of README.md and docs/ as somebody would type them: etcd, nginx, curl and tsuji are real. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { consoleSteps, type Example, examplesOf, shellWords, userPages } from '../harness/documents.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { type Etcd, freePort, run, startEtcd, temporaryFolder } from '../harness/tools.ts';
import { MAIN, startTsuji, type Tsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

async function shell(text: string, etcd: Etcd): Promise<string> {
  const env = { ETCDCTL_API: '3', ETCDCTL_ENDPOINTS: etcd.url };
  const { code, stdout, stderr } = await run('bash', ['-ec', text], { env });
  assert.equal(code, 0, `${text}: ${stderr}`);
  return stdout.trim();
}

/** The page says where everything is; here it is somewhere else. */
function moved(text: string, places: Readonly<Record<string, string>>): string {
  return Object.entries(places).reduce((all, [from, to]) => all.replaceAll(from, to), text);
}

async function stepsHold(example: Example, places: Readonly<Record<string, string>>, etcd: Etcd): Promise<void> {
  const steps = consoleSteps(example);
  const wanted = steps.map(({ output }) => moved(output, places)).sort();
  await waitFor(
    async () => {
      const said: string[] = [];
      // Whose turn it is, is not said.
      for (const { command } of steps) said.push(await shell(moved(command, places), etcd));
      return said.sort().join('\n') === wanted.join('\n');
    },
    `what stands below ${steps.map(({ command }) => command).join(' and ')}`,
  );
}

/** By its flags in the page, on other ports. */
async function start(t: TestContext, line: string, etcd: Etcd): Promise<Tsuji> {
  const [, ...flags] = shellWords(line);
  return await startTsuji(t, {
    flags: flags
      .filter((flag) => flag !== '--web')
      .map((flag) => moved(flag, { '127.0.0.1:2379': etcd.endpoint, 'Address::8000': `Address:${OWN_HOST}:0` })),
    noWait: true,
  });
}

test('docs/start.md leads from nothing to a routed request', async (t) => {
  const etcd = await startEtcd();
  t.after(() => etcd.stop());
  const folder = temporaryFolder();
  const [one, two] = [await freePort(), await freePort()];
  const places: Record<string, string> = {
    ...{ '/tmp/': `${folder.path}/`, '8081': String(one), '8082': String(two) },
    '127.0.0.1': OWN_HOST,
  };
  t.after(async () => {
    await shell(`for pid in ${folder.path}/web-*.pid; do kill $(cat $pid); done`, etcd);
    folder.remove();
  });
  let shown = 0;
  for (const example of examplesOf('docs/start.md')) {
    const { kind, text } = example;
    if (text.startsWith('etcd ')) continue;
    if (text.startsWith('tsuji --')) {
      const tsuji = await start(t, text, etcd);
      places['127.0.0.1:8000'] = `${OWN_HOST}:${tsuji.port}`;
      places[`${OWN_HOST}:8000`] = `${OWN_HOST}:${tsuji.port}`;
      places['--web'] = `--web --web.address=${OWN_HOST}:${tsuji.adminPort}`;
    } else if (text.startsWith('tsuji ')) {
      const said = await shell(moved(text, { ...places, 'tsuji ': `${process.execPath} ${MAIN} ` }), etcd);
      assert.match(said, /^frontend frontend1 -> backend backend1 -> server2/m);
    } else if (kind === 'console') {
      await stepsHold(example, places, etcd);
      shown++;
    } else {
      // Servers that stay must not hold on to what this waits for.
      await shell(`( ${moved(text, places)} ) > /dev/null 2>&1 < /dev/null`, etcd);
    }
  }
  assert.equal(shown, 3);
});

test('the keys of all examples are taken as they are', async (t) => {
  const etcd = await startEtcd();
  t.after(() => etcd.stop());
  const examples = userPages()
    .filter((page) => page !== 'docs/start.md')
    .flatMap(examplesOf)
    .filter(({ text, kind }) => kind === 'sh' && text.includes('etcdctl put /traefik/'));
  assert.ok(examples.length > 10);
  // Each has its own frontend F and backend B, which are whole.
  const lines = examples.flatMap(({ text }, n) => [
    `etcdctl put /traefik/backends/B${n}/servers/s/url http://${OWN_HOST}:9`,
    `etcdctl put /traefik/frontends/F${n}/backend B${n}`,
    `etcdctl put /traefik/frontends/F${n}/routes/own/rule Host:f${n}.example.com`,
    ...text
      .split('\n')
      .filter((line) => /^etcdctl put \/traefik\/(?:frontends|backends)\//.test(line))
      .map((line) => line.replace('/frontends/F/', `/frontends/F${n}/`).replace('/backends/B/', `/backends/B${n}/`)),
  ]);
  const others = [...new Set(lines.join('\n').match(/(?<=(?:\/backend|\/failover\/backend) )[a-z][\w-]*/g))];
  for (const name of others) lines.push(`etcdctl put /traefik/backends/${name}/servers/s/url http://${OWN_HOST}:9`);
  await shell(lines.join('\n'), etcd);
  const tsuji = await startTsuji(t, {
    flags: [
      '--etcd',
      `--etcd.endpoint=${etcd.endpoint}`,
      `--entryPoints=Name:http Address:${OWN_HOST}:0`,
      `--entryPoints=Name:https Address:${OWN_HOST}:0 TLS`,
    ],
    noWait: true,
  });
  await waitFor(async () => (await tsuji.status()).frontends.length >= examples.length, 'all frontends');
  // What is at an address of an example is not asked for.
  const own = (await tsuji.status()).problems.filter(({ reason }) => !/example\.com|not checked/.test(reason));
  assert.deepEqual(own, []);
});
