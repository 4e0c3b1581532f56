/** TLS on uWebSockets: which certificate a client is shown, and that none of it can be changed to anybody's harm. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import test, { after, before, type TestContext } from 'node:test';
import { connect } from 'node:tls';
import { WebSocket } from 'ws';
import { OWN_HOST } from '../harness/own-host.ts';
import { answering, ok, rawClient, startRawServer } from '../harness/raw.ts';
import { type Certificate, makeAuthority, makeCertificate } from '../harness/tls.ts';
import { run, temporaryFolder } from '../harness/tools.ts';
import { addRoute, startTsuji, type Tsuji } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';
import { echoing, Peer, startWsServer } from '../harness/websocket.ts';

const folder = temporaryFolder();
const made: Record<string, Certificate> = {};

before(async () => {
  const authority = await makeAuthority(folder.path, 'authority');
  const names = {
    first: 'DNS:a.test',
    second: 'DNS:a.test',
    third: 'DNS:a.test',
    wild: 'DNS:*.wild.test',
    exact: 'DNS:a.wild.test',
  };
  for (const [name, sans] of Object.entries({ ...names, one: 'DNS:one.test', two: 'DNS:two.test' })) {
    made[name] = await makeCertificate(folder.path, authority, name, sans);
  }
});
after(() => folder.remove());

function put(tsuji: Tsuji, key: string, { cert, key: secret }: Certificate): void {
  tsuji.set(`tls/${key}/certificate/certfile`, readFileSync(cert, 'utf8'));
  tsuji.set(`tls/${key}/certificate/keyfile`, readFileSync(secret, 'utf8'));
  tsuji.set(`tls/${key}/entrypoints`, 'https');
}

function start(t: TestContext, options = '', flags: string[] = [], imports: string[] = []): Promise<Tsuji> {
  const entryPoint = `--entryPoints=Name:https Address:${OWN_HOST}:0 Engine:uws TLS ${options}`;
  return startTsuji(t, { workers: 2, imports, flags: [entryPoint, '--defaultEntryPoints=https', ...flags] });
}

/** The name in the certificate, or why the handshake failed. BoringSSL sends no ticket before the first answer. */
function shown(tsuji: Tsuji, servername = ''): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect({ port: tsuji.port, host: OWN_HOST, servername, rejectUnauthorized: false });
  socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  socket.on('close', () => resolve('closed'));
  socket.on('secureConnect', () => {
    resolve(String(socket.getPeerCertificate().subject.CN));
    socket.destroy();
  });
  return promise;
}

/** By every worker: connections fall on either of two by chance. */
async function served(tsuji: Tsuji, servername: string, name: string): Promise<void> {
  await waitFor(async () => {
    const names = await Promise.all(Array.from({ length: 12 }, () => shown(tsuji, servername)));
    return names.every((each) => each === name);
  }, `${name} to be shown for ${servername}`);
}

test('a name gets its own certificate, else that of its wildcard, else the default, in whatever order they come', async (t) => {
  const defaults = `TLS.DefaultCertificate.Cert:${made.one.cert} TLS.DefaultCertificate.Key:${made.one.key}`;
  const tsuji = await start(t, defaults);
  put(tsuji, 'wild', made.wild);
  await served(tsuji, 'b.wild.test', 'wild');
  await served(tsuji, 'a.wild.test', 'wild');
  // Now the wildcard hides it.
  put(tsuji, 'exact', made.exact);
  await served(tsuji, 'a.wild.test', 'exact');
  await served(tsuji, 'b.wild.test', 'wild');
  for (const [servername, name] of [
    ['A.WILD.test', 'exact'],
    ['B.Wild.test', 'wild'],
    ['a.b.wild.test', 'one'],
    ['wild.test', 'one'],
    ['a.wild.test.', 'exact'],
    ['nobody.test', 'one'],
    ['one.two.three.four.five.six.seven.eight.nine.ten.eleven.test', 'one'],
  ]) {
    for (let i = 0; i < 4; i++) assert.equal(await shown(tsuji, servername), name, servername);
  }
  assert.equal(await shown(tsuji), 'one');
  tsuji.delete('tls/exact');
  await served(tsuji, 'a.wild.test', 'wild');
  tsuji.delete('tls/wild');
  await served(tsuji, 'b.wild.test', 'one');
});

test('with SniStrict nobody but who asks for a known name comes in', async (t) => {
  const tsuji = await start(t, 'TLS.SniStrict:true');
  put(tsuji, 'a', made.first);
  await served(tsuji, 'a.test', 'first');
  for (const servername of ['nobody.test', '']) assert.match(await shown(tsuji, servername), /ALERT/);
});

type Answer = { status: number; connection: string | undefined; body: string };

function ask(agent: Agent, tsuji: Tsuji, host: string): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const options = { agent, host: OWN_HOST, port: tsuji.port, servername: 'a.test', rejectUnauthorized: false };
  const sent = request({ ...options, headers: { host } }, (response) => {
    let body = '';
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => {
      body += chunk;
    });
    response.on('end', () => resolve({ status: response.statusCode!, connection: response.headers.connection, body }));
    response.on('error', reject);
  });
  sent.on('error', reject);
  sent.end();
  return promise;
}

test('certificates change under traffic without a failed handshake or request', async (t) => {
  const tsuji = await start(t);
  const server = await startRawServer(
    t,
    answering(() => ok('x')),
  );
  const host = await addRoute(tsuji, [server.url]);
  put(tsuji, 'a', made.first);
  await served(tsuji, 'a.test', 'first');
  let running = true;
  const seen = new Set<string>();
  const clients = Array.from({ length: 3 }, async () => {
    while (running) seen.add(await shown(tsuji, 'a.test'));
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 2 });
  t.after(() => agent.destroy());
  let answers = 0;
  const askers = Array.from({ length: 2 }, async () => {
    while (running) {
      const { status, body } = await ask(agent, tsuji, host);
      assert.deepEqual([status, body], [200, 'x']);
      answers++;
    }
  });
  for (let turn = 1; turn <= 12; turn++) {
    // Other names come and go beside it.
    put(tsuji, 'b', turn % 2 === 1 ? made.wild : made.exact);
    put(tsuji, 'a', turn % 2 === 1 ? made.second : made.first);
    await served(tsuji, 'a.test', turn % 2 === 1 ? 'second' : 'first');
  }
  running = false;
  await Promise.all([...clients, ...askers]);
  assert.deepEqual([...seen].sort(), ['first', 'second']);
  assert.ok(answers > 24);
  assert.ok(
    (await tsuji.status()).workers.every(({ restarts }) => restarts === 0),
    tsuji.output,
  );
});

test('a connection that was there before a change is served, and ends with its next answer', async (t) => {
  const tsuji = await start(t, '', ['--workers=1']);
  const server = await startRawServer(
    t,
    answering(() => ok('x')),
  );
  const host = await addRoute(tsuji, [server.url]);
  put(tsuji, 'a', made.first);
  await served(tsuji, 'a.test', 'first');
  const client = connect({ port: tsuji.port, host: OWN_HOST, servername: 'a.test', rejectUnauthorized: false });
  t.after(() => client.destroy());
  let got = '';
  client.on('data', (chunk) => {
    got += String(chunk);
  });
  const ended = new Promise((resolve) => client.on('end', resolve));
  client.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  await waitFor(() => got.endsWith('x'), 'the first answer');
  assert.doesNotMatch(got, /Connection: close/i);
  for (const name of ['second', 'first', 'second']) {
    put(tsuji, 'a', made[name]);
    await served(tsuji, 'a.test', name);
  }
  got = '';
  client.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  await ended;
  assert.match(got, /^HTTP\/1\.1 200 OK\r\n(?:.*\r\n)*Connection: close\r\n(?:.*\r\n)*\r\nx$/i);
});

test('the default certificate changes with its files', async (t) => {
  const files = { cert: `${folder.path}/live.pem`, key: `${folder.path}/live.key` };
  const use = async (name: string): Promise<void> => {
    await run('cp', [made[name].key, files.key]);
    await run('cp', [made[name].cert, files.cert]);
  };
  await use('one');
  const tsuji = await start(t, `TLS.DefaultCertificate.Cert:${files.cert} TLS.DefaultCertificate.Key:${files.key}`);
  await served(tsuji, 'nobody.test', 'one');
  await use('two');
  await served(tsuji, 'nobody.test', 'two');
  assert.equal(await shown(tsuji), 'two');
});

test('WebSockets are relayed, say that they are encrypted, and outlive a change of certificates', async (t) => {
  const tsuji = await start(t);
  const server = await startWsServer(t, echoing);
  const host = await addRoute(tsuji, [`http://${OWN_HOST}:${server.port}`]);
  put(tsuji, 'a', made.first);
  await served(tsuji, 'a.test', 'first');
  const peers = Array.from({ length: 4 }, () => {
    const options = { headers: { host }, servername: 'a.test', rejectUnauthorized: false, perMessageDeflate: false };
    return new Peer(new WebSocket(`wss://${OWN_HOST}:${tsuji.port}/`, options));
  });
  t.after(() => {
    for (const { ws } of peers) ws.terminate();
  });
  const big = Buffer.alloc(1 << 20, 'tsuji');
  const echo = async (): Promise<void> => {
    for (const peer of peers) {
      await waitFor(() => peer.ws.readyState === WebSocket.OPEN, 'it to open');
      const before = peer.messages.length;
      peer.ws.send('hello');
      peer.ws.send(big);
      await waitFor(() => peer.messages.length === before + 2, 'the echo');
      assert.equal(String(peer.messages[before].data), 'hello');
      assert.ok(peer.messages[before + 1].data.equals(big));
    }
  };
  await echo();
  assert.equal(server.requests[0].headers['x-forwarded-proto'], 'wss');
  for (const name of ['second', 'first', 'second', 'first']) {
    put(tsuji, 'a', made[name]);
    await served(tsuji, 'a.test', name);
    await echo();
  }
  for (const peer of peers) peer.ws.close(1000, 'bye');
  await waitFor(() => peers.every(({ closed }) => closed?.code === 1000), 'them to close');
  assert.ok((await tsuji.status()).workers.every(({ restarts }) => restarts === 0));
});

test('a key that BoringSSL does not have is reported, and its clients get the default', async (t) => {
  const files = { cert: `${folder.path}/ed448.pem`, key: `${folder.path}/ed448.key` };
  const subject = ['-subj', '/CN=ed448', '-addext', 'subjectAltName=DNS:a.test', '-days', '2'];
  await run('openssl', [
    'req',
    '-x509',
    '-newkey',
    'ed448',
    '-nodes',
    '-keyout',
    files.key,
    '-out',
    files.cert,
    ...subject,
  ]);
  const tsuji = await start(t);
  put(tsuji, 'a', files);
  await waitFor(async () => {
    await shown(tsuji, 'a.test');
    return /event=certificate_failed .*Engine:uws cannot serve it: .*ed448/.test(tsuji.output);
  }, 'the report');
  assert.equal(await shown(tsuji, 'a.test'), 'TRAEFIK DEFAULT CERT');
  put(tsuji, 'a', made.first);
  await served(tsuji, 'a.test', 'first');
});

test('what is no TLS, or only half of a handshake, harms nobody', async (t) => {
  const tsuji = await start(t);
  put(tsuji, 'a', made.first);
  await served(tsuji, 'a.test', 'first');
  for (const junk of [
    'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    '\x00',
    '\x16',
  ]) {
    for (let i = 0; i < 4; i++) {
      const client = await rawClient(t, tsuji.port);
      client.send(junk);
      if (i % 2 === 0) client.destroy();
    }
  }
  put(tsuji, 'a', made.second);
  await served(tsuji, 'a.test', 'second');
  tsuji.kill('SIGTERM');
  assert.deepEqual(await tsuji.ended(), { code: 0, signal: null });
});

test('an error of ours while a certificate is looked up or changed costs no worker', async (t) => {
  const tsuji = await start(t, '', ['--workers=1'], [new URL('../harness/fault-hook.ts', import.meta.url).href]);
  put(tsuji, 'a', made.first);
  await served(tsuji, 'a.test', 'first');
  const agent = new Agent({ keepAlive: false });
  const arm = async (step: string): Promise<void> => {
    const sent = request({
      agent,
      host: OWN_HOST,
      port: tsuji.port,
      rejectUnauthorized: false,
      headers: { 'x-fault': step },
    });
    await new Promise((resolve) => sent.on('response', (got) => resolve(got.resume())).end());
  };
  put(tsuji, 'b', made.two);
  await waitFor(async () => (await (await tsuji.api('/api/status')).text()).includes('two.test'), 'the second one');
  for (const step of ['answerMissing', 'add', 'isTaken']) {
    await arm(`UwsTlsApp.${step}`);
    assert.equal(await shown(tsuji, 'two.test'), 'TRAEFIK DEFAULT CERT', step);
  }
  await served(tsuji, 'two.test', 'two');
  const names = ['first', 'second', 'third'];
  for (const step of ['UwsTlsApp.staleNames', 'UwsTls.replace', 'UwsTls.idle', 'UwsTls.distribute']) {
    await arm(step);
    put(tsuji, 'a', made[names[1]]);
    await waitFor(() => tsuji.output.includes(`fault: ${step}`), step);
    assert.equal(await shown(tsuji, 'a.test'), names[0]);
    put(tsuji, 'a', made[names[2]]);
    await served(tsuji, 'a.test', names[2]);
    names.unshift(names.pop()!);
  }
  assert.ok((await tsuji.status()).workers.every(({ restarts }) => restarts === 0));
});

test('nothing is left of the files through which keys go', () => {
  const left = readdirSync('/dev/shm').filter((name) => /^tsuji-[A-Za-z0-9]{6}$/.test(name));
  assert.deepEqual(left, []);
});
