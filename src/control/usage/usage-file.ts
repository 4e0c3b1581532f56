/**
 * What is known of the use of frontends, over restarts: a file beside the snapshot, as lines of JSON.
 *
 *     {"v":1,"since":S,"at":S}        when watching began, when this was written
 *     ["name",first,last]             when it was first seen, and used last; 0: never
 *
 * Seconds of Unix everywhere.
 */
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { makeFolder } from '../../kernel/make-folder.ts';
import { openIfThere } from '../../kernel/open-file.ts';

export type Use = { readonly first: number; readonly last: number };
export type UsageMemory = { readonly since: number; readonly at: number; readonly uses: ReadonlyMap<string, Use> };

const VERSION = 1;
const MOST_BYTES = 1 << 26;
/** Lines that are read or written in one turn of the loop. */
const SLICE = 2_000;

function isSeconds(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** null for what is none of ours. A line that is none is left out. */
async function parse(text: string): Promise<UsageMemory | null> {
  const lines = text.split('\n');
  const head = JSON.parse(lines[0]!) as { v?: unknown; since?: unknown; at?: unknown };
  if (head?.v !== VERSION || !isSeconds(head.since) || !isSeconds(head.at)) return null;
  const uses = new Map<string, Use>();
  for (let i = 1; i < lines.length; i++) {
    if (i % SLICE === 0) await nextTurn();
    if (lines[i] === '') continue;
    const [name, first, last] = JSON.parse(lines[i]!) as unknown[];
    if (typeof name === 'string' && isSeconds(first) && isSeconds(last)) uses.set(name, { first, last });
  }
  return { since: head.since, at: head.at, uses };
}

/** null: there is none. Throws when it cannot be read. */
export async function readUsage(path: string): Promise<UsageMemory | null> {
  const file = await openIfThere(path);
  if (file === null) return null;
  try {
    const { size } = await file.stat();
    if (size > MOST_BYTES) throw new Error(`it has ${size} bytes; the most is ${MOST_BYTES}`);
    return await parse(await file.readFile('utf8'));
  } finally {
    await file.close();
  }
}

/** As a whole or not at all. */
export async function writeUsage(path: string, { since, at, uses }: UsageMemory): Promise<void> {
  makeFolder(dirname(path), 0o700);
  const next = `${path}.${process.pid}`;
  await rm(next, { force: true });
  const file = await open(next, 'ax', 0o600);
  try {
    let text = `${JSON.stringify({ v: VERSION, since, at })}\n`;
    let lines = 0;
    for (const [name, { first, last }] of [...uses]) {
      text += `${JSON.stringify([name, first, last])}\n`;
      if (++lines % SLICE > 0) continue;
      await file.appendFile(text);
      text = '';
    }
    await file.appendFile(text);
    await file.sync();
    await rename(next, path);
  } catch (error) {
    await rm(next, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}
