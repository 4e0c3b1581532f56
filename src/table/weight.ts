/**
 * Makes the memory of tables count for the garbage collector of each thread that holds them.
 *
 * V8 does not count shared memory: a table of megabytes weighs as little as its wrapper, so an old one is let go with the
 * next large collection, and nothing hastens that. With 10 000 frontends and a change after the other a tsuji grew by
 * 1.4 GiB in 40 s (bench/README.md, large configurations). A block of the same size, which is counted and never touched, so that
 * it needs no memory itself, hangs on every table of a thread and dies with it.
 */
const blocks = new WeakMap<SharedArrayBuffer, Buffer>();

/** Once per thread and table; more often does nothing. */
export function weigh(table: SharedArrayBuffer): void {
  if (!blocks.has(table)) blocks.set(table, Buffer.allocUnsafeSlow(table.byteLength));
}
