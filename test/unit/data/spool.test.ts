import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test, { after } from 'node:test';
import fc from 'fast-check';
import { Descriptors } from '../../../src/data/descriptors.ts';
import { MemoryBudget } from '../../../src/data/memory-budget.ts';
import { Spool, type SpoolOwner, type SpoolUser } from '../../../src/data/spool/spool.ts';
import { SpoolDisk } from '../../../src/data/spool/spool-disk.ts';
import { FAULTS, type Fault } from '../../../src/kernel/errors.ts';
import { createDescriptorCounts, DescriptorCounts } from '../../../src/shared/descriptor-counts.ts';
import { createDiskUse, DiskUse, forgetDiskUse } from '../../../src/shared/disk-use.ts';
import { MetricsLane } from '../../../src/shared/metrics.ts';
import { createMetricsLane } from '../../../src/shared/metrics-layout.ts';
import { descriptorsIn, temporaryFolder } from '../../harness/tools.ts';
import { waitFor } from '../../harness/wait.ts';

const KIB = 1_024;
/** That may wait for a file, with the piece that was too much. */
const ON_ITS_WAY = 192 * KIB;

const folder = temporaryFolder();
after(() => folder.remove());

class User implements SpoolUser {
  heldBytes = 0;
  mostHeld = 0;
  whole = false;
  through = 0;
  fault: Fault | null = null;
  detail = '';
  error: unknown = null;
  /** Says no to each n-th piece; 0: to none. */
  refusesEach = 0;
  bytes: Buffer[] = [];
  writable: () => void = () => {};
  spool!: Spool;
  private pieces = 0;

  spoolWritable(): void {
    this.writable();
  }

  spoolWhole(): void {
    this.whole = true;
  }

  spoolPiece(chunk: Buffer): boolean {
    this.bytes.push(chunk);
    if (this.refusesEach === 0 || ++this.pieces % this.refusesEach !== 0) return true;
    setImmediate(() => this.spool.resume());
    return false;
  }

  spoolThrough(): void {
    this.through++;
  }

  spoolFailed(fault: Fault, detail: string): void {
    this.fault = fault;
    this.detail = detail;
    this.writable();
  }

  endOverBudget(): void {
    this.fault = FAULTS.overBudget;
    this.spool.close();
  }

  crash(error: unknown): void {
    this.error = error;
  }
}

class Node {
  readonly owner: SpoolOwner;
  readonly counts = createDescriptorCounts(1);
  readonly folder: string;

  constructor(
    where: string,
    { mostOnDisk = 0, mostFiles = 0, connection = 0 } = {},
    use = createDiskUse(1),
    index = 0,
  ) {
    const metrics = new MetricsLane(createMetricsLane([1]));
    const descriptors = new Descriptors(new DescriptorCounts(this.counts, 0), mostFiles, metrics, () => 0);
    this.folder = where;
    this.owner = {
      budget: new MemoryBudget({ worker: 0, connection }, metrics),
      disk: new SpoolDisk(where, new DiskUse(use, index, mostOnDisk), descriptors, metrics),
    };
  }

  spool(memoryBytes: number): User {
    const user = new User();
    user.spool = new Spool(this.owner, user, memoryBytes);
    return user;
  }

  /** What is counted of files and of memory. */
  get left(): number[] {
    return [...new Int32Array(this.counts), this.owner.budget.heldBytes];
  }
}

/** Adds it all, and waits where it is told to. */
async function fill(user: User, body: Buffer, cut: (at: number) => number): Promise<void> {
  const { spool } = user;
  for (let at = 0; at < body.length && user.fault === null; ) {
    const end = Math.min(body.length, at + cut(at));
    const writable = new Promise<void>((resolve) => {
      user.writable = resolve;
    });
    const flows = spool.add(body.subarray(at, end));
    user.mostHeld = Math.max(user.mostHeld, user.heldBytes);
    at = end;
    if (!flows && user.fault === null) await writable;
  }
  spool.end();
  await waitFor(() => user.whole || user.fault !== null, 'all of it to be kept');
}

async function played(user: User): Promise<Buffer> {
  user.bytes = [];
  user.through = 0;
  user.spool.play();
  await waitFor(() => user.through > 0 || user.fault !== null, 'the end of the body');
  return Buffer.concat(user.bytes);
}

test('a body comes back as it was, as often as it is asked for, wherever it was cut', async () => {
  const node = new Node(folder.path);
  const cuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 90_000 })), {
    minLength: 1,
    maxLength: 5,
  });
  const sizes = fc.integer({ min: 0, max: 400_000 });
  const memory = fc.oneof(fc.integer({ min: 1, max: 2_000 }), sizes);
  await fc.assert(
    fc.asyncProperty(sizes, memory, cuts, fc.integer({ min: 0, max: 3 }), async (size, memoryBytes, ends, refuses) => {
      const body = randomBytes(size);
      const user = node.spool(memoryBytes);
      // So that tiny pieces do not make the test long.
      let next = 0;
      await fill(user, body, (at) => (at < 20_000 ? ends[next++ % ends.length] : 30_000));
      assert.ok(user.mostHeld <= memoryBytes + ON_ITS_WAY + 90_000, `${user.mostHeld} in memory`);
      assert.ok(user.heldBytes <= memoryBytes);
      user.refusesEach = refuses;
      assert.ok(body.equals(await played(user)));
      assert.ok(body.equals(await played(user)));
      user.spool.close();
      assert.equal(user.error, null);
    }),
    { numRuns: 60 },
  );
  await waitFor(() => node.left.every((count) => count === 0), 'every file to be closed');
  assert.deepEqual([descriptorsIn(folder.path), readdirSync(folder.path)], [0, []]);
});

test('what fits into memory opens no file, and one byte more does', async () => {
  const node = new Node(folder.path);
  for (const [size, files] of [
    [9_999, 0],
    [10_000, 0],
    [10_001, 1],
  ]) {
    const user = node.spool(10_000);
    await fill(user, randomBytes(size), () => 3_000);
    assert.deepEqual([user.spool.inMemory === null, descriptorsIn(folder.path)], [files > 0, files]);
    assert.deepEqual(readdirSync(folder.path), []);
    user.spool.close();
    await waitFor(() => node.left.every((count) => count === 0), 'its file to be closed');
  }
});

test('where the memory that a connection may hold is less, the rest goes to disk as well', async () => {
  const node = new Node(folder.path, { connection: 600_000 });
  const user = node.spool(1_000_000);
  const body = randomBytes(900_000);
  await fill(user, body, () => 20_000);
  assert.equal(user.fault, null);
  assert.ok(user.heldBytes > 200_000 && user.mostHeld <= 600_000);
  assert.ok(body.equals(await played(user)));
  user.spool.close();
  assert.equal(user.error, null);
});

test('who has come to the end is not told to go on', async () => {
  const node = new Node(folder.path);
  const user = node.spool(1);
  let told = 0;
  user.writable = () => told++;
  assert.equal(user.spool.add(randomBytes(500_000)), false);
  user.spool.end();
  await waitFor(() => user.whole, 'all of it to be kept');
  assert.equal(told, 0);
  user.spool.close();
});

test('a play that begins anew is the only one that is heard', async () => {
  const node = new Node(folder.path);
  const user = node.spool(1);
  const body = randomBytes(500_000);
  await fill(user, body, () => 50_000);
  for (let i = 0; i < 5; i++) {
    user.spool.play();
    if (i % 2 === 0) await waitFor(() => user.bytes.length > i, 'a piece of it');
  }
  assert.ok(body.equals(await played(user)));
  assert.equal(user.through, 1);
  user.spool.close();
});

test('whatever is under way when it is closed, its file is closed behind it and nobody hears of it', async () => {
  const node = new Node(folder.path);
  for (let step = 0; step < 30; step++) {
    const user = node.spool(10);
    const filling = step % 3 === 0;
    if (filling) user.spool.add(randomBytes(100_000));
    else await fill(user, randomBytes(100_000), () => 50_000);
    if (!filling) user.spool.play();
    for (let turn = 0; turn < step % 5; turn++) await new Promise(setImmediate);
    user.spool.close();
    const heard = [user.bytes.length, user.through, user.whole];
    await waitFor(() => node.left.every((count) => count === 0), 'its file to be closed');
    assert.deepEqual([user.bytes.length, user.through, user.whole], heard);
    assert.equal(user.fault, null);
  }
  assert.deepEqual([descriptorsIn(folder.path), readdirSync(folder.path)], [0, []]);
});

test('an error of ours in an operation that comes back after the close leaves no file, and one before it none either', async () => {
  for (const closesFirst of [true, false]) {
    const node = new Node(folder.path);
    const user = node.spool(1);
    const broken = user.spool as unknown as { back: () => void };
    let isBack = false;
    broken.back = () => {
      isBack = true;
      throw new Error('ours');
    };
    user.spool.add(randomBytes(100_000));
    if (closesFirst) user.spool.close();
    await waitFor(() => isBack, 'the operation to come back');
    await waitFor(() => node.left.every((count) => count === 0), `nothing to be left, closed ${closesFirst}`);
    assert.equal(user.error === null, closesFirst);
  }
});

test('all workers together have so much of the disk; beyond it the next piece fails, and what goes makes room', async () => {
  const use = createDiskUse(2);
  const nodes = [0, 1].map((index) => new Node(folder.path, { mostOnDisk: 256 * KIB }, use, index));
  const [one, other] = nodes.map((node) => node.spool(1));
  await fill(one, randomBytes(160 * KIB), () => 10_000);
  await fill(other, randomBytes(160 * KIB), () => 10_000);
  assert.deepEqual([one.fault, other.fault], [null, FAULTS.overDisk]);
  assert.equal(FAULTS.overDisk.status, 503);
  one.spool.close();
  await waitFor(() => new Int32Array(use).every((pages) => pages === 0), 'the disk to be given back');
  const third = nodes[1].spool(1);
  await fill(third, randomBytes(256 * KIB), () => 10_000);
  assert.equal(third.fault, null);
  // Its worker dies.
  forgetDiskUse(use, 1);
  const fourth = nodes[0].spool(1);
  await fill(fourth, randomBytes(256 * KIB), () => 10_000);
  assert.equal(fourth.fault, null);
  third.spool.close();
  fourth.spool.close();
});

test('no descriptor for it is a 503, and no folder a 500', async () => {
  const short = new Node(folder.path, { mostFiles: 1 });
  const [one, other] = [short.spool(1), short.spool(1)];
  await fill(one, randomBytes(10), () => 10);
  await fill(other, randomBytes(10), () => 10);
  assert.deepEqual([one.fault, other.fault], [null, FAULTS.noDescriptors]);
  one.spool.close();
  const none = new Node(join(folder.path, 'none'));
  const lost = none.spool(1);
  await fill(lost, randomBytes(10), () => 10);
  assert.deepEqual([lost.fault, lost.fault?.status], [FAULTS.diskFailed, 500]);
  assert.match(lost.detail, /ENOENT/);
  assert.deepEqual(none.left, [0, 0, 0, 0]);
});

/** A file system of that size, '' where we may not have one. */
function tinyDisk(bytes: number): string {
  const where = join(folder.path, 'tiny');
  mkdirSync(where);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', where], { stdio: 'ignore' });
    return where;
  } catch {
    return '';
  }
}

test('a disk that is full is a 500, and has room again behind it', async () => {
  const where = tinyDisk(256 * KIB);
  // Who may not mount has at least a disk that takes nothing.
  const node = new Node(where === '' ? '/proc' : where);
  try {
    const user = node.spool(1);
    await fill(user, randomBytes(600 * KIB), () => 50_000);
    assert.equal(user.fault, FAULTS.diskFailed);
    await waitFor(() => node.left.every((count) => count === 0), 'its file to be closed');
    if (where === '') return;
    const next = node.spool(1);
    const body = randomBytes(200 * KIB);
    await fill(next, body, () => 50_000);
    assert.ok(body.equals(await played(next)));
    next.spool.close();
    await waitFor(() => node.left.every((count) => count === 0), 'its file to be closed');
  } finally {
    if (where !== '') execFileSync('umount', [where]);
  }
});
