/** Mistakes of ours that only one object meets: a method that throws whenever it is given something with its name. */
import { inspect } from 'node:util';

type Method = (this: object, ...args: unknown[]) => unknown;

/** From now on `made.prototype[method]` throws for arguments in which `name` stands. Returns what ends it. */
export function poison(made: { readonly prototype: object }, method: string, name: string): () => void {
  const prototype = made.prototype as Record<string, Method>;
  const original = prototype[method];
  prototype[method] = function (...args) {
    if (inspect(args, { depth: 5 }).includes(name)) throw new Error(`injected fault in ${method}`);
    return original.apply(this, args);
  };
  return () => {
    prototype[method] = original;
  };
}
