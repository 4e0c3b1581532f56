/** A worker finds itself on 127.0.0.1 whoever else is there, or says within seconds that it cannot. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import test from 'node:test';
import { HeldResponse } from '../../../../src/data/listener/held-response.ts';
import { loadUws, type Uws } from '../../../../src/data/listener/uws.ts';
import { findBacklog } from '../../../../src/data/listener/uws-backlog.ts';

const uws = await loadUws();

/** The library, but `port` says which port is connected to. */
function disturbed(port: (real: number, call: number) => number): Uws {
  let calls = 0;
  const portOf: Uws['us_socket_local_port'] = (socket) => port(uws.us_socket_local_port(socket), calls++);
  return new Proxy(uws, {
    get: (target, name) => (name === 'us_socket_local_port' ? portOf : Reflect.get(target, name)),
  });
}

test('strangers that connect first are sent away', async () => {
  const ends: Promise<unknown>[] = [];
  const own = disturbed((real) => {
    for (const text of ['GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'GET /guess HTTP/1.1\r\nHost: a\r\n\r\n']) {
      const stranger = connect(real, '127.0.0.1', () => stranger.write(text));
      stranger.on('error', () => {});
      ends.push(once(stranger, 'close'));
    }
    return real;
  });
  const held = await HeldResponse.open(own);
  await Promise.all(ends);
  let wrote = false;
  held.run({} as never, () => {
    wrote = true;
  });
  assert.ok(wrote, 'it is held after all that');
  held.close();
});

test('somebody who took the port and says nothing costs one try', async () => {
  const silent = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const own = disturbed((real, call) => (call === 0 ? port : real));
  assert.equal(typeof (await findBacklog(own, false)), 'function');
  silent.close();
});

test('where a worker never finds itself that is an error with its reason', async () => {
  const refusing = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await once(refusing, 'listening');
  const { port } = refusing.address() as AddressInfo;
  await assert.rejects(
    HeldResponse.open(disturbed(() => port)),
    /^TsujiError: a worker cannot connect to itself over 127.0.0.1, which Engine:uws needs once: /,
  );
  refusing.close();
});

test('what waits in uWebSockets can be asked for with TLS as well', async () => {
  assert.equal(typeof (await findBacklog(uws, true)), 'function');
});
