/**
 * Preloaded into tsuji: how late the timers of its main thread are. Each line of the file BENCH_LOOP_DELAY is a moment, in
 * Unix milliseconds, and by how many milliseconds a timer was late then. Plain JavaScript: what strips types off is large.
 */
import { appendFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const EVERY_MS = 10;
const LINES = 50;

const path = process.env.BENCH_LOOP_DELAY;
if (isMainThread && path !== undefined) {
  let lines = [];
  let due = performance.now() + EVERY_MS;
  const look = () => {
    const now = performance.now();
    lines.push(`${Date.now()} ${Math.max(0, now - due).toFixed(2)}\n`);
    due = now + EVERY_MS;
    if (lines.length >= LINES) {
      appendFileSync(path, lines.join(''));
      lines = [];
    }
    setTimeout(look, EVERY_MS).unref();
  };
  setTimeout(look, EVERY_MS).unref();
}
