/** The server of the exchanges in which the tests let a step fail. */
import { serveWebSocket } from './fault-websocket.ts';
import { ok, type RawConnection } from './raw.ts';

const LARGE = 3 * 1024 * 1024;

/** Answers by the path of the request. */
export function serve(connection: RawConnection): void {
  connection.socket.setNoDelay(true);
  connection.socket.on('data', () => {
    for (let end = connection.received.indexOf('\r\n\r\n'); end >= 0; end = connection.received.indexOf('\r\n\r\n')) {
      const head = connection.received.slice(0, end);
      const length = Number(/\r\ncontent-length: (\d+)/.exec(head)?.[1] ?? 0);
      let bodyEnd = end + 4 + length;
      if (/\r\ntransfer-encoding/.test(head)) {
        const last = connection.received.indexOf('\r\n0\r\n\r\n', end + 2);
        if (last < 0) return;
        bodyEnd = last + 7;
      }
      if (connection.received.length < bodyEnd) return;
      connection.received = connection.received.slice(bodyEnd);
      const path = head.split(' ', 2)[1];
      if (path.startsWith('/ws')) serveWebSocket(connection, head);
      else answer(connection, path);
    }
  });
}

function answer(connection: RawConnection, path: string): void {
  if (path === '/pieces') {
    connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n');
    setImmediate(() => connection.send('6\r\nsecond\r\n0\r\n\r\n'));
  } else if (path === '/large') {
    connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${LARGE}\r\n\r\n`);
    connection.socket.write(Buffer.alloc(LARGE, 'x'));
  } else if (path === '/none') {
    connection.send('HTTP/1.1 204 No Content\r\n\r\n');
  } else if (path === '/refused') {
    connection.destroy();
  } else if (path === '/no-ws') {
    connection.send('HTTP/1.1 401 Unauthorized\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n');
    setImmediate(() => connection.send('6\r\nsecond\r\n0\r\n\r\n'));
  } else if (path === '/torn') {
    connection.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ntorn');
    setImmediate(() => connection.destroy());
  } else if (path === '/until-close') {
    connection.send('HTTP/1.1 200 OK\r\n\r\nwhole');
    connection.socket.end();
  } else if (path === '/malformed') {
    connection.send('HTTP/1.1 200 OK\r\nNo Field\r\n\r\n');
  } else if (path === '/unasked') {
    connection.send(`${ok('ok')}unasked`);
  } else if (path !== '/silent') {
    connection.send(ok('ok'));
  }
}
