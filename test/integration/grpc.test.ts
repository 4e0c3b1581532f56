/**
 * gRPC from end to end, as its own client and server see it: in the clear through `Engine:tsuji` to h2c:// servers, and over
 * TLS on both sides to https:// servers.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after } from 'node:test';
// The reference implementation for Node: what its users run.
import * as grpc from '@grpc/grpc-js';
import { startEngines } from '../harness/engines.ts';
import { exchangeTest, type Scope } from '../harness/exchanges.ts';
import { OWN_HOST } from '../harness/own-host.ts';
import { makeAuthority, makeCertificate } from '../harness/tls.ts';
import { temporaryFolder } from '../harness/tools.ts';
import { addRoute } from '../harness/tsuji.ts';
import { waitFor } from '../harness/wait.ts';

const folder = temporaryFolder();
after(() => folder.remove());
const authority = await makeAuthority(folder.path, 'authority');
const here = await makeCertificate(folder.path, authority, 'here', `IP:${OWN_HOST}`);
const engines = await startEngines({ after }, { flags: [`--rootCAs=${authority.cert}`] });
const { tsuji } = engines;

/** Messages are text; the wire format of them is none of the proxy's business. */
function method(path: string, requestStream: boolean, responseStream: boolean): grpc.MethodDefinition<string, string> {
  const serialize = (text: string): Buffer => Buffer.from(text);
  const deserialize = (bytes: Buffer): string => bytes.toString();
  return {
    path,
    requestStream,
    responseStream,
    requestSerialize: serialize,
    requestDeserialize: deserialize,
    responseSerialize: serialize,
    responseDeserialize: deserialize,
  };
}

const SERVICE = {
  unary: method('/t.T/Unary', false, false),
  down: method('/t.T/Down', false, true),
  up: method('/t.T/Up', true, false),
  both: method('/t.T/Both', true, true),
};

/** Calls that their client has given up. */
let cancelled = 0;

const IMPLEMENTATION: grpc.UntypedServiceImplementation = {
  unary(call: grpc.ServerUnaryCall<string, string>, done: grpc.sendUnaryData<string>) {
    const trailer = new grpc.Metadata();
    trailer.set('x-trailer', 'last');
    call.on('cancelled', () => cancelled++);
    if (call.request === 'refuse') {
      done({ code: grpc.status.FAILED_PRECONDITION, details: 'refusé', metadata: trailer });
    } else if (call.request !== 'wait') {
      const first = new grpc.Metadata();
      first.set('x-first', String(call.metadata.get('x-asked')[0]));
      call.sendMetadata(first);
      done(null, `got ${call.request.length}`, trailer);
    }
  },
  down(call: grpc.ServerWritableStream<string, string>) {
    for (let i = 0; i < 200; i++) call.write(`${i} ${'x'.repeat(5_000)}`);
    call.end();
  },
  up(call: grpc.ServerReadableStream<string, string>, done: grpc.sendUnaryData<string>) {
    let bytes = 0;
    call.on('data', (text: string) => {
      bytes += text.length;
    });
    call.on('end', () => done(null, String(bytes)));
  },
  both(call: grpc.ServerDuplexStream<string, string>) {
    call.on('data', (text: string) => {
      if (text === 'fail') call.emit('error', { code: grpc.status.ABORTED, details: 'on demand' });
      else call.write(`echo ${text}`);
    });
    call.on('end', () => call.end());
    call.on('cancelled', () => cancelled++);
  },
};

type Client = grpc.Client & {
  unary(
    message: string,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    done: grpc.requestCallback<string>,
  ): grpc.ClientUnaryCall;
  down(message: string): grpc.ClientReadableStream<string>;
  up(done: grpc.requestCallback<string>): grpc.ClientWritableStream<string>;
  both(): grpc.ClientDuplexStream<string, string>;
};

const CREDENTIALS = {
  h2c: grpc.ServerCredentials.createInsecure(),
  https: grpc.ServerCredentials.createSsl(null, [
    { cert_chain: readFileSync(here.cert), private_key: readFileSync(here.key) },
  ]),
};

async function connect(t: Scope, scheme: 'h2c' | 'https'): Promise<Client> {
  const server = new grpc.Server();
  server.addService(SERVICE, IMPLEMENTATION);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${OWN_HOST}:0`, CREDENTIALS[scheme], (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  t.after(() => server.forceShutdown());
  const host = await addRoute(tsuji, [`${scheme}://${OWN_HOST}:${port}`]);
  const made = grpc.makeGenericClientConstructor(SERVICE, 'T');
  const secure = scheme === 'https';
  // Whose certificate tsuji shows is not what is tested here.
  const credentials = secure
    ? grpc.credentials.createSsl(null, null, null, { rejectUnauthorized: false })
    : grpc.credentials.createInsecure();
  const client = new made(`${OWN_HOST}:${engines.port(secure ? 'tsuji-h2' : 'tsuji')}`, credentials, {
    'grpc.default_authority': host,
  });
  t.after(() => client.close());
  return client as unknown as Client;
}

type Outcome = {
  error: grpc.ServiceError | null;
  message: string | undefined;
  first: grpc.Metadata;
  status: grpc.StatusObject;
};

async function unary(client: Client, message: string, deadlineMs = 10_000): Promise<Outcome> {
  const metadata = new grpc.Metadata();
  metadata.set('x-asked', 'asked');
  return new Promise((resolve) => {
    let first = new grpc.Metadata();
    let answer: { error: grpc.ServiceError | null; message: string | undefined } | null = null;
    let status: grpc.StatusObject | null = null;
    const settle = (): void => {
      if (answer !== null && status !== null) resolve({ ...answer, first, status });
    };
    const call = client.unary(message, metadata, { deadline: Date.now() + deadlineMs }, (error, got) => {
      answer = { error, message: got };
      settle();
    });
    call.on('metadata', (got) => {
      first = got;
    });
    call.on('status', (got) => {
      status = got;
      settle();
    });
  });
}

for (const scheme of ['h2c', 'https'] as const) {
  exchangeTest(
    `gRPC to an ${scheme} server: one message each way, with metadata before and after`,
    tsuji,
    async (t) => {
      const client = await connect(t, scheme);
      for (const message of ['a', 'hello', 'x'.repeat(1_000_000)]) {
        const got = await unary(client, message);
        assert.equal(got.error, null);
        assert.equal(got.message, `got ${message.length}`);
        assert.deepEqual(got.first.get('x-first'), ['asked']);
        assert.deepEqual(got.status.metadata.get('x-trailer'), ['last']);
      }
    },
  );

  exchangeTest(`gRPC to an ${scheme} server: an error that is nothing but trailers`, tsuji, async (t) => {
    const { error, status } = await unary(await connect(t, scheme), 'refuse');
    assert.deepEqual([error?.code, error?.details], [grpc.status.FAILED_PRECONDITION, 'refusé']);
    assert.deepEqual(status.metadata.get('x-trailer'), ['last']);
  });

  exchangeTest(`gRPC to an ${scheme} server: a stream of messages from the server`, tsuji, async (t) => {
    const client = await connect(t, scheme);
    const got: string[] = [];
    for await (const message of client.down('go')) got.push(message as string);
    assert.deepEqual(
      got.map((message) => [Number.parseInt(message, 10), message.length > 5_000]),
      Array.from({ length: 200 }, (_, i) => [i, true]),
    );
  });

  exchangeTest(`gRPC to an ${scheme} server: a stream of messages from the client`, tsuji, async (t) => {
    const client = await connect(t, scheme);
    const total = await new Promise<string>((resolve, reject) => {
      const call = client.up((error, message) => (error ? reject(error) : resolve(message!)));
      for (let i = 0; i < 200; i++) call.write('x'.repeat(5_000));
      call.end();
    });
    assert.equal(total, '1000000');
  });

  exchangeTest(`gRPC to an ${scheme} server: both sides talk in turn, each message as it is said`, tsuji, async (t) => {
    const call = (await connect(t, scheme)).both();
    const got: string[] = [];
    call.on('data', (text: string) => got.push(text));
    call.on('error', () => {});
    for (let i = 0; i < 20; i++) {
      call.write(String(i));
      await waitFor(() => got.length === i + 1, `the answer to ${i}`);
    }
    assert.deepEqual(
      got,
      Array.from({ length: 20 }, (_, i) => `echo ${i}`),
    );
    const status = new Promise<grpc.StatusObject>((resolve) => call.on('status', resolve));
    call.write('fail');
    const { code, details } = await status;
    assert.deepEqual([code, details], [grpc.status.ABORTED, 'on demand']);
  });

  exchangeTest(
    `gRPC to an ${scheme} server: a deadline and a client that gives up reach the server`,
    tsuji,
    async (t) => {
      const client = await connect(t, scheme);
      const before = cancelled;
      const { error } = await unary(client, 'wait', 300);
      assert.equal(error?.code, grpc.status.DEADLINE_EXCEEDED);
      await waitFor(() => cancelled === before + 1, 'the server to hear of the deadline');
      const call = client.both();
      call.on('error', () => {});
      const first = new Promise((resolve) => call.on('data', resolve));
      call.write('hello');
      await first;
      call.cancel();
      await waitFor(() => cancelled === before + 2, 'the server to hear of the end');
    },
  );
}

exchangeTest('gRPC to a server that is not there: the client hears UNAVAILABLE', tsuji, async (t) => {
  const host = await addRoute(tsuji, ['h2c://127.0.0.1:1']);
  const client = new grpc.Client(`${OWN_HOST}:${engines.port('tsuji')}`, grpc.credentials.createInsecure(), {
    'grpc.default_authority': host,
  });
  t.after(() => client.close());
  const { path, requestSerialize, responseDeserialize } = SERVICE.unary;
  const error = await new Promise<grpc.ServiceError | null>((resolve) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, 'x', resolve);
  });
  assert.equal(error?.code, grpc.status.UNAVAILABLE);
});
