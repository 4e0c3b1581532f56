/**
 * Preloaded into tsuji by tests (`--import`): a request with `X-Fault: uncaught` makes its worker throw outside of any
 * request, as a bug of ours would. The product itself has no such switch.
 */
import { isMainThread } from 'node:worker_threads';
import { RequestHead } from '../../src/http/request-head.ts';

if (!isMainThread) {
  const add = RequestHead.prototype.add;
  RequestHead.prototype.add = function (name: string, value: string): void {
    if (name === 'x-fault') {
      if (value === 'uncaught') {
        setImmediate(() => {
          throw new Error('injected fault');
        });
      } else {
        throw new Error('injected fault');
      }
    }
    add.call(this, name, value);
  };
}
