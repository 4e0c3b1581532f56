/** A full collection of this thread's heap, at once. It holds the thread up for some 100 ms per 100 MB that are in use. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (options: { readonly type: 'major'; readonly flavor: 'regular' | 'last-resort' }) => void;

/** `thorough`: several times as long; the room for new objects, too, which loading code has grown, is given back. */
export function collectGarbage(thorough = false): void {
  // Node has no other way to it. The flag is that of the process, and stays: whoever took it back would take the way from a thread
  // that is just here. What is found is not kept, or the context would stay as well.
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as Collect;
  collect({ type: 'major', flavor: thorough ? 'last-resort' : 'regular' });
}
