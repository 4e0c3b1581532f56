/** Child process: the least that a TLS server on Node can be, `node-tls.ts PORT CERT KEY`. Answers whatever comes with 200. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:tls';

const [port, cert, key] = process.argv.slice(2) as [string, string, string];
const ANSWER = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');

createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (socket) => {
  socket.on('data', () => socket.write(ANSWER));
  socket.on('error', () => socket.destroy());
}).listen(Number(port), '127.0.0.1');
