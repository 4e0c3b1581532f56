/**
 * CPU per request of HTTPS by HTTP/1.1, small body, kept connections: tsuji with either engine and nginx, one core each
 * time, with the same certificate (P-256) and TLS 1.3. Rounds take turns.
 *
 *     node_modules/.bin/node bench/tls.ts [rounds]
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { LoadPlan } from './load/plan.ts';
import { chooseCores } from './machine.ts';
import { measureLoad, type Sample } from './measure.ts';
import { startOrigin } from './origin.ts';
import { nginx } from './peers/nginx.ts';
import type { Site } from './peers/peer.ts';
import { tsujiAt } from './peers/tsuji.ts';
import { type Command, freePort, Processes, untilListening } from './processes.ts';
import { fieldsOf, SCENARIOS } from './scenarios.ts';
import { ratioOf, spreadOf } from './stats.ts';

const ROUNDS = Number(process.argv[2] ?? 7);
const SECONDS = 2;
const ROOT = join(import.meta.dirname, '..');
const SMALL = SCENARIOS.find(({ name }) => name === 'small')!;

function makeCertificate(folder: string): { cert: string; key: string } {
  const made = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', made.key];
  const { status, stderr } = spawnSync(
    'openssl',
    ['req', '-x509', ...key, '-out', made.cert, '-subj', '/CN=bench', '-days', '2'],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`openssl made no certificate: ${stderr}`);
  return made;
}

/** nginx as in the other scenarios, with TLS. */
function nginxWithTls(site: Site, cert: string, key: string): Command {
  const command = nginx.configure(site);
  const config = join(site.folder, 'nginx.conf');
  const text = readFileSync(config, 'utf8').replaceAll(`listen 127.0.0.1:${site.port}`, '$& ssl');
  const tls = `ssl_certificate ${cert};\n  ssl_certificate_key ${key};\n  ssl_protocols TLSv1.2 TLSv1.3;`;
  writeFileSync(config, text.replace('access_log off;', `access_log off;\n  ${tls}`));
  return command;
}

function tsujiWithTls(site: Site, engine: string, cert: string, key: string): Command {
  const entryPoint = `--entryPoints=Name:http Address:127.0.0.1:${site.port} Engine:${engine} TLS:${cert},${key}`;
  return tsujiAt(ROOT, 'tsuji', [entryPoint]).configure(site);
}

const processes = new Processes();
const cores = chooseCores(availableParallelism(), processes.pins);
const { cert, key } = makeCertificate(processes.folder('certificate'));
const origin = await startOrigin(processes, cores.load);
const commands: Record<string, (site: Site) => Command> = {
  nginx: (site) => nginxWithTls(site, cert, key),
  'tsuji Engine:uws': (site) => tsujiWithTls(site, 'uws', cert, key),
  'tsuji Engine:node': (site) => tsujiWithTls(site, 'node', cert, key),
};
const targets = [];
for (const [name, command] of Object.entries(commands)) {
  const port = await freePort();
  const site = { port, folder: processes.folder(name.replace(/\W/g, '-')), routes: origin.routes, connections: 64 };
  const started = processes.start(name, cores.proxy, command(site));
  await untilListening(started, port);
  targets.push({ name, port, pid: started.pid, samples: [] as Sample[] });
}
for (let round = 0; round <= ROUNDS; round++) {
  for (const target of targets) {
    const { path, connections } = SMALL;
    const plan: LoadPlan = {
      port: target.port,
      path,
      fields: fieldsOf(SMALL),
      connections,
      seconds: SECONDS,
      bodyBytes: 0,
      rate: 0,
      secure: true,
    };
    const sample = await measureLoad(processes, cores, target, 'wrk', plan);
    if (sample.errors > 0) throw new Error(`${target.name}: ${sample.errors} of ${sample.requests} requests failed`);
    // The first round warms up.
    if (round > 0) target.samples.push(sample);
  }
}
await processes.stopAll();
const cpuOf = (samples: readonly Sample[]): number[] => samples.map(({ cpu }) => cpu);
for (const { name, samples } of targets) {
  const cpu = spreadOf(cpuOf(samples));
  const ratio = ratioOf(cpuOf(samples), cpuOf(targets[0]!.samples));
  const text = [cpu.median, cpu.min, cpu.max].map((value) => value.toFixed(1));
  const ratios = [ratio.median, ratio.min, ratio.max].map((value) => value.toFixed(2));
  console.log(
    `${name.padEnd(18)} ${text[0]} µs/request (${text[1]}–${text[2]}), ` +
      `${ratios[0]} × nginx (${ratios[1]}–${ratios[2]}), busy ${spreadOf(samples.map(({ busy }) => busy)).median.toFixed(2)}`,
  );
}
