/** OCSP responses made and served by openssl, stapled by a whole tsuji. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { checkOcspResponse } from '../../src/control/tls/ocsp.ts';
import { handshake } from '../harness/handshake.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { type Certificate, makeAuthority } from '../harness/tls.ts';
import { freePort, type Process, run, startProcess, temporaryFolder, waitFor } from '../harness/tools.ts';
import { startTsuji } from '../harness/tsuji.ts';

const folder = temporaryFolder();
const at = (name: string): string => join(folder.path, name);
let authority: Certificate;
let responder: Process;
let port = 0;

async function openssl(...args: string[]): Promise<void> {
  const result = await run('openssl', args);
  assert.equal(result.code, 0, result.stderr);
}

/** A certificate that names the responder, with its issuer in the same file. */
async function make(name: string): Promise<Certificate> {
  const made = { cert: at(`${name}.pem`), key: at(`${name}.key`) };
  writeFileSync(
    at(`${name}.ext`),
    `subjectAltName=DNS:${name}\nauthorityInfoAccess=OCSP;URI:http://${OWN_HOST}:${port}/\n`,
  );
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', made.key];
  await openssl('req', ...key, '-out', at(`${name}.csr`), '-subj', `/CN=${name}`);
  const signer = ['-CA', authority.cert, '-CAkey', authority.key, '-days', '2'];
  await openssl('x509', '-req', ...signer, '-in', at(`${name}.csr`), '-out', made.cert, '-extfile', at(`${name}.ext`));
  writeFileSync(made.cert, readFileSync(made.cert, 'utf8') + readFileSync(authority.cert, 'utf8'));
  return made;
}

const certificateOf = (pair: Certificate): X509Certificate => new X509Certificate(readFileSync(pair.cert));

/** What the authority knows of its certificates. */
function index(states: readonly [pair: Certificate, state: 'V' | 'R'][]): void {
  const lines = states.map(([pair, state]) => {
    const revoked = state === 'R' ? '250101000000Z' : '';
    return `${state}\t491231235959Z\t${revoked}\t${certificateOf(pair).serialNumber}\tunknown\t/CN=${certificateOf(pair).serialNumber}\n`;
  });
  writeFileSync(at('index.txt'), lines.join(''));
}

const signing = (): string[] => [
  '-index',
  at('index.txt'),
  '-CA',
  authority.cert,
  '-rsigner',
  authority.cert,
  '-rkey',
  authority.key,
];

async function respond(pair: Certificate, file: string): Promise<Buffer> {
  await openssl('ocsp', '-issuer', authority.cert, '-cert', pair.cert, '-no_nonce', '-reqout', at('request.der'));
  await openssl('ocsp', ...signing(), '-reqin', at('request.der'), '-respout', file, '-ndays', '1');
  return readFileSync(file);
}

/** Known to node, but not to its types. */
const ASKING = { requestOCSP: true } as object;

let good: Certificate;
let bad: Certificate;

before(async () => {
  port = await freePort();
  authority = await makeAuthority(folder.path, 'authority');
  good = await make('good.test');
  bad = await make('bad.test');
  index([
    [good, 'V'],
    [bad, 'R'],
  ]);
  responder = startProcess('openssl', ['ocsp', ...signing(), '-port', String(port), '-nmin', '60']);
});
after(async () => {
  await responder.end();
  folder.remove();
});

test('a response counts only for its certificate, from its issuer, of today and when it is good', async () => {
  const issuer = certificateOf(authority);
  const fine = await respond(good, at('fine.der'));
  const now = Date.now();
  const { nextUpdate } = await checkOcspResponse(fine, certificateOf(good), issuer, now);
  assert.ok(Math.abs(nextUpdate - now - 86_400_000) < 60_000);
  const stranger = certificateOf(await makeAuthority(folder.path, 'stranger'));
  const revoked = await respond(bad, at('revoked.der'));
  const forged = Buffer.from(fine);
  // The year in which it was produced.
  forged[fine.indexOf(String(new Date().getUTCFullYear())) + 1] ^= 1;
  const wrong: [Uint8Array, X509Certificate, X509Certificate, number, RegExp][] = [
    [fine, certificateOf(bad), issuer, now, /another certificate/],
    [fine, certificateOf(good), stranger, now, /another certificate|not of the issuer/],
    [fine, certificateOf(good), issuer, now + 2 * 86_400_000, /out of date/],
    [fine, certificateOf(good), issuer, now - 86_400_000, /of the future/],
    [revoked, certificateOf(bad), issuer, now, /is revoked/],
    [forged, certificateOf(good), issuer, now, /signature/],
    [Buffer.from('nonsense'), certificateOf(good), issuer, now, /malformed/],
  ];
  for (const [der, certificate, from, time, reason] of wrong) {
    await assert.rejects(checkOcspResponse(der, certificate, from, time), { message: reason });
  }
  for (let length = 0; length < fine.length; length += 11) {
    await assert.rejects(checkOcspResponse(fine.subarray(0, length), certificateOf(good), issuer, now), {
      name: 'TsujiError',
    });
  }
});

test('responses of the responder and of files are stapled, one that says revoked is not and is reported', async (t) => {
  const filed = await make('filed.test');
  index([
    [good, 'V'],
    [bad, 'R'],
    [filed, 'V'],
  ]);
  await respond(filed, `${filed.cert}.ocsp`);
  const pairs = [good, bad, filed].map(({ cert, key }) => `${cert},${key}`).join(';');
  const tsuji = await startTsuji(t, {
    flags: [`--entryPoints=Name:https Address:${OWN_HOST}:0 TLS:${pairs}`, '--tls.ocsp'],
  });
  const stapled = async (servername: string) => (await handshake(tsuji.port, { servername, ...ASKING })).staple;
  await waitFor(() => stapled('good.test'), 'the response of the responder');
  assert.deepEqual(await waitFor(() => stapled('filed.test'), 'the file'), readFileSync(`${filed.cert}.ocsp`));
  assert.equal(await stapled('bad.test'), null);
  const status = (await tsuji.status()) as unknown as {
    certificates: { names: string[]; problem: string; stapled: boolean }[];
  };
  const of = (name: string) => status.certificates.find(({ names }) => names.includes(name))!;
  assert.match(of('bad.test').problem, /revoked/);
  assert.equal(of('good.test').stapled, true);
  const seen = await run(
    'openssl',
    ['s_client', '-connect', `${OWN_HOST}:${tsuji.port}`, '-servername', 'good.test', '-status'],
    {
      input: '',
    },
  );
  assert.match(seen.stdout, /OCSP Response Status: successful[\s\S]*Cert Status: good/);
  // A file that is no response any more takes nothing away until the one before ends.
  copyFileSync(good.key, `${filed.cert}.ocsp`);
  await tsuji.waitForStatus(
    (now) => JSON.stringify(now).includes('the OCSP response is malformed'),
    'the problem of the file',
  );
  assert.notEqual(await stapled('filed.test'), null);
});
