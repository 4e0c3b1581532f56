import assert from 'node:assert/strict';
import test from 'node:test';
import {
  cpuBetween,
  parseResident,
  parseSchedstat,
  parseStat,
  readCpu,
  readResident,
  treeOf,
} from '../../../bench/cpu.ts';

const STAT =
  '4711 (nginx: worker) S 4700 4700 3031 0 -1 4194304 103 0 0 0 120 340 7 8 20 0 1 0 177814 3133440 383 18446744073709551615';

test('a stat line gives the parent and the ticks in user and kernel mode', () => {
  assert.deepEqual(parseStat(STAT), { pid: 4711, parent: 4700, user: 120, system: 340 });
});

test('a process name may hold blanks and brackets', () => {
  const line = parseStat(STAT.replace('nginx: worker', 'a ) R 1 (b'));
  assert.deepEqual(line, { pid: 4711, parent: 4700, user: 120, system: 340 });
});

test('a stat line that is cut anywhere gives null or whole numbers', () => {
  for (let cut = 0; cut < STAT.length; cut++) {
    const line = parseStat(STAT.slice(0, cut));
    if (line !== null) assert.ok(Object.values(line).every(Number.isSafeInteger), STAT.slice(0, cut));
  }
  assert.equal(parseStat(''), null);
  assert.equal(parseStat('4711 (x) S one two'), null);
});

test('schedstat gives the time on a core and the time of waiting for one', () => {
  assert.deepEqual(parseSchedstat('379799225 4817364 23\n'), { ran: 379799225, waited: 4817364 });
  for (const wrong of ['', '1', '1 2', '1 2 x', '1 2 3 4']) assert.equal(parseSchedstat(wrong), null, wrong);
});

test('the resident size is read in bytes', () => {
  assert.equal(parseResident('Name:\tnode\nVmRSS:\t    2048 kB\nThreads:\t1\n'), 2048 * 1024);
  assert.equal(parseResident('Name:\tkthreadd\nThreads:\t1\n'), null);
});

test('a tree holds all descendants and nobody else', () => {
  const line = (pid: number, parent: number) => ({ pid, parent, user: 0, system: 0 });
  const lines = [line(5, 4), line(2, 1), line(4, 2), line(3, 1), line(9, 3), line(6, 2)];
  assert.deepEqual(treeOf(2, lines).sort(), [2, 4, 5, 6]);
  assert.deepEqual(treeOf(77, lines), [77]);
});

test('what was spent lies between two readings', () => {
  const before = { ran: 1_000, waited: 10, userTicks: 5, systemTicks: 5 };
  const after = { ran: 4_000, waited: 30, userTicks: 6, systemTicks: 8 };
  assert.deepEqual(cpuBetween(before, after), { ran: 3_000, waited: 20, kernelShare: 0.75 });
  assert.ok(Number.isNaN(cpuBetween(before, before).kernelShare));
});

test('the readings of this very process grow with its work', () => {
  const before = readCpu(process.pid);
  const end = process.cpuUsage().user + 60_000;
  while (process.cpuUsage().user < end);
  const spent = cpuBetween(before, readCpu(process.pid));
  assert.ok(spent.ran >= 30e6, `${spent.ran} ns`);
  assert.ok(readResident(process.pid) > 10 * 1024 * 1024);
});

test('a process that is gone has spent nothing', () => {
  const reading = readCpu(2 ** 30);
  assert.equal(reading.ran, 0);
  assert.equal(readResident(2 ** 30), 0);
});
