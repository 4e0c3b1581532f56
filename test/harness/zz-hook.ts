import { isMainThread } from 'node:worker_threads';
import { UwsClientSocket, UwsHandshake } from '../../src/data/listener/uws-websocket.ts';
if (!isMainThread) {
  let inside = false;
  const up = UwsHandshake.prototype.upgrade;
  UwsHandshake.prototype.upgrade = function (...a) { inside = true; try { return up.apply(this, a); } finally { inside = false; } };
  const closed = UwsClientSocket.prototype.closed;
  UwsClientSocket.prototype.closed = function (code, m) { if (inside) console.error(`CLOSED-INSIDE ${code} ${Buffer.from(m).toString()}`); return closed.call(this, code, m); };
}
