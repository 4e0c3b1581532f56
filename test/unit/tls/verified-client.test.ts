/** Who is let in by which certificate, and what a server may hear of it: real handshakes with an entrypoint of a worker. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import test, { after, before, type TestContext } from 'node:test';
import { handshake } from '../../harness/handshake.ts';
import { type Certificate, makeAuthority, makeCertificate, makeIntermediate } from '../../harness/tls.ts';
import {
  HANDSHAKES,
  type Handshakes,
  serveTls,
  type TlsServing,
  workerCertificate,
} from '../../harness/tls-serving.ts';
import { temporaryFolder } from '../../harness/tools.ts';
import { waitFor } from '../../harness/wait.ts';

const folder = temporaryFolder();
const made = {} as Record<string, Certificate>;

before(async () => {
  const { path } = folder;
  const [ca, otherCa, stranger] = await Promise.all([
    makeAuthority(path, 'authority'),
    makeAuthority(path, 'other'),
    makeAuthority(path, 'stranger'),
  ]);
  Object.assign(made, { ca, otherCa, stranger });
  made.middle = await makeIntermediate(path, ca, 'middle');
  const names = 'DNS:client.test';
  const purpose = (usage: string) => ({ extensions: [`extendedKeyUsage=${usage}`] });
  const [good, ofMiddle, expired, future, serverOnly, clientOnly, ofOther, self, server] = await Promise.all([
    makeCertificate(path, ca, 'good', names),
    makeCertificate(path, made.middle, 'ofMiddle', names),
    makeCertificate(path, ca, 'expired', names, { days: 0 }),
    makeCertificate(path, ca, 'future', names, { future: true }),
    makeCertificate(path, ca, 'serverOnly', names, purpose('serverAuth')),
    makeCertificate(path, ca, 'clientOnly', names, purpose('clientAuth')),
    makeCertificate(path, otherCa, 'ofOther', names),
    makeAuthority(path, 'self'),
    makeCertificate(path, ca, 'server', 'DNS:a.test'),
  ]);
  Object.assign(made, { good, ofMiddle, expired, future, serverOnly, clientOnly, ofOther, self, server });
  made.ofLeaf = await makeCertificate(path, good, 'ofLeaf', names);
});
after(() => folder.remove());

const pem = (name: string): string => readFileSync(made[name].cert, 'utf8');
const key = (name: string): string => readFileSync(made[name].key, 'utf8');
/** What a client shows: its own certificate, then others that it sends along. */
const shows = (own: string, ...others: string[]) => ({ cert: [own, ...others].map(pem).join(''), key: key(own) });

function serve(t: TestContext, by: Handshakes, optional: boolean, cas: readonly string[], ring = [randomBytes(48)]) {
  const certificates = [workerCertificate(made.server, { defaultOf: 1 })];
  return serveTls(t, ring, certificates, { clientCA: { files: ['x'], optional } }, cas.map(pem), by);
}

/** Was it let in, and what would a server be told? */
async function outcome(serving: TlsServing, options: object): Promise<string> {
  const before = serving.accepted.length;
  const sockets = serving.ended.length;
  await handshake(serving.port, options);
  await waitFor(() => serving.ended.length > sockets || serving.accepted.length > before, 'the handshake to be judged');
  const client = serving.accepted[before];
  return client === undefined ? 'refused' : client.certificate;
}

const CASES: readonly (readonly [what: string, shown: () => object, seen: string])[] = [
  ['of an authority', () => shows('good'), 'good'],
  ['with the right purpose', () => shows('clientOnly'), 'clientOnly'],
  ['with its intermediate', () => shows('ofMiddle', 'middle'), 'ofMiddle'],
  ['with the root as well', () => shows('ofMiddle', 'middle', 'ca'), 'ofMiddle'],
  ['without its intermediate', () => shows('ofMiddle'), 'refused'],
  ["of a stranger's making", () => shows('stranger'), 'refused'],
  ['self-signed', () => shows('self'), 'refused'],
  ['of the authority of another entrypoint', () => shows('ofOther'), 'refused'],
  ['of another authority, with that sent along', () => shows('ofOther', 'otherCa'), 'refused'],
  ['of a client, who may not sign others', () => shows('ofLeaf', 'good'), 'refused'],
  ['expired', () => shows('expired'), 'refused'],
  ['not yet valid', () => shows('future'), 'refused'],
  ['for servers only', () => shows('serverOnly'), 'refused'],
];

for (const by of HANDSHAKES) {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    for (const optional of [true, false]) {
      test(`${by}: ${version}, ${optional ? 'optional' : 'required'}: what is shown is verified`, async (t) => {
        const serving = await serve(t, by, optional, ['ca']);
        // By SNI and without: the contexts are made in different places.
        for (const servername of ['a.test', '']) {
          const of = { servername, maxVersion: version };
          for (const [what, shown, seen] of CASES) {
            assert.equal(await outcome(serving, { ...of, ...shown() }), seen, `${what}, ${servername}`);
          }
          assert.equal(await outcome(serving, of), optional ? '' : 'refused', servername);
        }
      });
    }

    test(`${by}: ${version}: a session is resumed with its verdict, and not past the end of its certificate`, async (t) => {
      const ring = [randomBytes(48)];
      const [serving, ofOthers] = [await serve(t, by, true, ['ca'], ring), await serve(t, by, true, ['otherCa'], ring)];
      const client = { servername: 'a.test', maxVersion: version };
      const { session } = await handshake(serving.port, { ...client, ...shows('good') });
      assert.ok(session !== null);
      assert.equal(await outcome(serving, { ...client, session }), 'good');
      assert.equal(serving.accepted.at(-1)!.resumed, true);
      // What another entrypoint has verified is worth nothing here: a handshake without a certificate.
      assert.equal(await outcome(ofOthers, { ...client, session }), '');
      t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 3 * 24 * 3600 * 1000 });
      const late = serving.accepted.length;
      await handshake(serving.port, { ...client, session });
      assert.equal(serving.accepted.length, late);
      t.mock.timers.reset();

      const refused = await handshake(serving.port, { ...client, ...shows('stranger') });
      const before = serving.accepted.length;
      if (refused.session !== null) await handshake(serving.port, { ...client, session: refused.session });
      assert.equal(serving.accepted.length, before);
    });
  }
  test(`${by}: an intermediate that is named as an authority is one, as in Go`, async (t) => {
    const serving = await serve(t, by, false, ['middle']);
    assert.equal(await outcome(serving, shows('ofMiddle')), 'ofMiddle');
    assert.equal(await outcome(serving, shows('ofMiddle', 'middle')), 'ofMiddle');
    assert.equal(await outcome(serving, shows('good')), 'refused');
  });
}
