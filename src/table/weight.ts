/**
 * Makes the memory of tables count for the garbage collector of each thread that holds them.
 *
 * V8 does not count shared memory: a table of megabytes weighs as little as its wrapper, so an old one is let go with the
 * next large collection, and nothing hastens that. With 10 000 frontends and a change after the other a tsuji grew by
 * 1.4 GiB in 40 s (bench/README.md, large configurations). A block of the same size, which is counted and never touched, so that
 * it needs no memory itself, hangs on every table of a thread and dies with it.
 *
 * V8 counts them against a heap of a few megabytes, and begins to collect right where a table comes that is one too many: with 1 000
 * frontends and 20 changes a second once a second in each worker, before that very change was in force. So small ones weigh nothing
 * until there are many, dead ones among them; all threads have the same, so that they take this memory once.
 */
const SMALL_BYTES = 1_048_576;
const MOST_LIGHT_BYTES = 64 * 1_048_576;

/** null: it is light. */
const blocks = new WeakMap<SharedArrayBuffer, Buffer | null>();
/** All light ones that were not collected. */
let lightBytes = 0;
const collected = new FinalizationRegistry<number>((bytes) => {
  lightBytes -= bytes;
});

/** Once per thread and table; more often does nothing. */
export function weigh(table: SharedArrayBuffer): void {
  if (blocks.has(table)) return;
  const { byteLength } = table;
  const isLight = byteLength <= SMALL_BYTES && lightBytes + byteLength <= MOST_LIGHT_BYTES;
  blocks.set(table, isLight ? null : Buffer.allocUnsafeSlow(byteLength));
  if (!isLight) return;
  lightBytes += byteLength;
  collected.register(table, byteLength);
}
