/**
 * Preloaded into tsuji by tests (`--import`): a request for `/leak` keeps a MiB of JavaScript heap in its worker, one for
 * `/free` lets go of all, and from one for `/burst` on a worker leaks by itself, faster than anybody asks.
 */
import { RequestHead } from '../../src/http/request-head.ts';

const kept: object[][] = [];

function leak(): void {
  kept.push(Array.from({ length: 16_384 }, (_, i) => ({ i, next: null, other: i })));
}

const { begin } = RequestHead.prototype;
RequestHead.prototype.begin = function (method, target, path): void {
  begin.call(this, method, target, path);
  if (path === '/leak') leak();
  else if (path === '/free') kept.length = 0;
  else if (path === '/burst') setInterval(leak, 5).unref();
};
