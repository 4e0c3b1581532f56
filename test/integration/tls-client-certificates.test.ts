/** What servers are told of client certificates, over HTTP/1.1 and HTTP/2, and who is let in. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import test, { after, before } from 'node:test';
import { listening } from '../harness/listening.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { type Certificate, makeAuthority, makeCertificate } from '../harness/tls.ts';
import { temporaryFolder } from '../harness/tools.ts';
import { routeKeys, startTsuji } from '../harness/tsuji.ts';

const folder = temporaryFolder();
let authority: Certificate;
let client: Certificate;
let stranger: Certificate;
const seen: IncomingHttpHeaders[] = [];
const server = createServer((request, response) => {
  seen.push(request.headers);
  response.end(JSON.stringify(request.headers));
});
const url = await listening({ after }, server);

before(async () => {
  authority = await makeAuthority(folder.path, 'authority');
  stranger = await makeCertificate(
    folder.path,
    await makeAuthority(folder.path, 'strange'),
    'stranger',
    'DNS:client.test',
  );
  client = await makeCertificate(folder.path, authority, 'client', 'DNS:client.test,email:me@client.test,IP:10.1.2.3');
});
after(() => folder.remove());

const FORGED = {
  host: 'a.test',
  'X-Forwarded-Tls-Client-Cert': 'forged',
  'x-forwarded-TLS-client-cert-infos': 'forged',
};
const PEM = 'x-forwarded-tls-client-cert';
const INFOS = 'x-forwarded-tls-client-cert-infos';

function own({ cert, key }: Certificate = client): { cert: Buffer; key: Buffer } {
  return { cert: readFileSync(cert), key: readFileSync(key) };
}

async function ask(request: ReturnType<typeof httpRequest>): Promise<IncomingHttpHeaders> {
  // A handshake that is refused may be told of twice: by its alert, and by the end of the connection.
  request.on('error', () => {});
  request.end();
  const [response] = await once(request, 'response');
  const chunks = await response.toArray();
  return JSON.parse(Buffer.concat(chunks).toString());
}

async function askHttp2(port: number, options: object): Promise<IncomingHttpHeaders> {
  const session = connectHttp2(`https://${OWN_HOST}:${port}`, { rejectUnauthorized: false, ...options });
  session.on('error', () => {});
  const { host, ...fields } = FORGED;
  const stream = session.request({ ':path': '/', ':authority': host, ...fields });
  const chunks = await stream.toArray();
  session.close();
  return JSON.parse(Buffer.concat(chunks).toString());
}

test('a server sees the certificate of its client, and nothing that a client says of one itself', async (t) => {
  const tsuji = await startTsuji(t, {
    keys: {
      ...routeKeys([url], 'a.test'),
      'frontends/frontend1/passtlsclientcert/pem': 'true',
      'frontends/frontend1/passtlsclientcert/infos/notbefore': 'true',
      'frontends/frontend1/passtlsclientcert/infos/notafter': 'true',
      'frontends/frontend1/passtlsclientcert/infos/sans': 'true',
      'frontends/frontend1/passtlsclientcert/infos/subject/commonname': 'true',
    },
    flags: [`--entryPoints=Name:https Address:${OWN_HOST}:0 TLS CA:${authority.cert} CA.Optional:true`],
  });
  const certificate = new X509Certificate(readFileSync(client.cert));
  const [before, end] = [certificate.validFromDate, certificate.validToDate].map((date) => date.getTime() / 1000);
  const infos = `Subject="CN=client",Issuer="CN=authority",NB=${before},NA=${end},SAN=client.test,me@client.test,10.1.2.3`;
  const target = {
    port: tsuji.port,
    host: OWN_HOST,
    rejectUnauthorized: false,
    headers: FORGED,
    agent: false,
  } as const;

  for (const told of [await ask(httpsRequest({ ...target, ...own() })), await askHttp2(tsuji.port, own())]) {
    assert.equal(decodeURIComponent(String(told[PEM])), certificate.raw.toString('base64'));
    assert.equal(decodeURIComponent(String(told[INFOS]).replaceAll('+', ' ')), infos);
  }
  for (const told of [await ask(httpsRequest(target)), await askHttp2(tsuji.port, {})]) {
    assert.equal(told[PEM], undefined);
    assert.equal(told[INFOS], undefined);
  }
  seen.length = 0;
  await assert.rejects(ask(httpsRequest({ ...target, ...own(stranger) })));
  await assert.rejects(askHttp2(tsuji.port, own(stranger)));
  assert.deepEqual(seen, [], "a stranger's certificate reaches no server");

  const shown = (await (await tsuji.api('/api/providers/folder/frontends/frontend1')).json()) as {
    passTLSClientCert: { pem: boolean; infos: { subject: object } };
  };
  assert.equal(shown.passTLSClientCert.pem, true);
  assert.equal(Object.keys(shown.passTLSClientCert.infos.subject).length, 7);
});

test('without TLS the fields are taken off as well, and a frontend that asks for nothing passes them on', async (t) => {
  const tsuji = await startTsuji(t, {
    keys: {
      ...routeKeys([url], 'a.test'),
      'frontends/frontend1/passtlsclientcert/pem': 'true',
      'frontends/other/backend': 'backend1',
      'frontends/other/routes/r/rule': 'Host:b.test',
    },
  });
  const target = { port: tsuji.port, host: OWN_HOST, agent: false } as const;
  assert.equal((await ask(httpRequest({ ...target, headers: FORGED })))[PEM], undefined);
  assert.equal((await ask(httpRequest({ ...target, headers: { ...FORGED, host: 'b.test' } })))[PEM], 'forged');
});
