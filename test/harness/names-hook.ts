/**
 * Preloaded into tsuji by tests (`--import`): the workers find the names of a JSON file, `TEST_NAMES`, there, and all
 * others as ever. Each lookup of such a name is written down, a line each, in `TEST_NAMES` + `.log`.
 */
import dns, { type LookupAddress } from 'node:dns';
import { appendFileSync, readFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { isMainThread } from 'node:worker_threads';

/** Addresses, the code of an error, or `hang` for as long as the file says so. */
export type NameTable = Record<string, readonly string[] | string>;

const LOOK_EVERY_MS = 20;

type Callback = (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void;

const file = process.env.TEST_NAMES;
if (!isMainThread && file !== undefined) {
  const lookup = dns.lookup as (name: string, options: object, callback: Callback) => void;
  const find = (name: string, options: object, callback: Callback): void => {
    const found = (JSON.parse(readFileSync(file, 'utf8')) as NameTable)[name];
    if (found === undefined) lookup(name, options, callback);
    else if (found === 'hang') setTimeout(find, LOOK_EVERY_MS, name, options, callback).unref();
    else if (typeof found === 'string')
      callback(Object.assign(new Error(`${found} ${name}`), { code: found, errno: -3008 }), []);
    else
      callback(
        null,
        found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
  };
  const replaced = (name: string, options: object, callback: Callback): void => {
    appendFileSync(`${file}.log`, `${name}\n`);
    setImmediate(find, name, options, callback);
  };
  Object.assign(dns, { lookup: replaced });
  syncBuiltinESMExports();
}
