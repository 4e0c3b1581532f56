import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import test from 'node:test';
import { ElfError, fitToGlibc, readNeeds } from '../../../scripts/elf-versions.mjs';
import { type Host, readHost, uwsFolder, whyUnsupported } from '../../../scripts/uws-host.mjs';

const DYNSYM = 11;
const STRTAB = 3;
const VERNEED = 0x6ffffffe;
const VERSYM = 0x6fffffff;
const X64 = 62;
const ARM64 = 183;

type Shape = { machine: number; oldest: string; newest: string; symbol: string };
const USUAL: Shape = { machine: X64, oldest: 'GLIBC_2.2.5', newest: 'GLIBC_2.38', symbol: '__isoc23_strtol' };

/**
 * The smallest object with one symbol of the newest version (index 3) and one of the oldest (index 2).
 * `symbolsAt` and the like are where the test looks for the result.
 */
function makeObject(shape: Partial<Shape> = {}) {
  const { machine, oldest, newest, symbol } = { ...USUAL, ...shape };
  const names = ['', 'libc.so.6', oldest, newest, symbol, 'malloc'];
  const strings = Buffer.from(`${names.join('\0')}\0`, 'latin1');
  const nameAt = (name: string) => strings.indexOf(`\0${name}\0`) + 1;

  const symbols = Buffer.alloc(3 * 24);
  symbols.writeUInt32LE(nameAt(symbol), 24);
  symbols.writeUInt32LE(nameAt('malloc'), 48);
  const versions = Buffer.from(new Uint16Array([0, 3, 2]).buffer);
  const needs = Buffer.alloc(48);
  needs.writeUInt16LE(1, 0);
  needs.writeUInt16LE(2, 2);
  needs.writeUInt32LE(nameAt('libc.so.6'), 4);
  needs.writeUInt32LE(16, 8);
  needs.writeUInt16LE(3, 16 + 6);
  needs.writeUInt32LE(nameAt(newest), 16 + 8);
  needs.writeUInt32LE(16, 16 + 12);
  needs.writeUInt16LE(2, 32 + 6);
  needs.writeUInt32LE(nameAt(oldest), 32 + 8);

  const sections = [
    { type: STRTAB, data: strings, link: 0, info: 0 },
    { type: DYNSYM, data: symbols, link: 0, info: 1 },
    { type: VERSYM, data: versions, link: 1, info: 0 },
    { type: VERNEED, data: needs, link: 0, info: 1 },
  ];
  const header = Buffer.alloc(64);
  header.write('\x7fELF\x02\x01\x01', 'latin1');
  header.writeUInt16LE(machine, 18);
  header.writeUInt16LE(64, 58);
  header.writeUInt16LE(sections.length, 60);
  const table = Buffer.alloc(sections.length * 64);
  const offsets: number[] = [];
  let at = header.length;
  for (const [index, { type, data, link, info }] of sections.entries()) {
    offsets.push(at);
    table.writeUInt32LE(type, index * 64 + 4);
    table.writeBigUInt64LE(BigInt(at), index * 64 + 24);
    table.writeBigUInt64LE(BigInt(data.length), index * 64 + 32);
    table.writeUInt32LE(link, index * 64 + 40);
    table.writeUInt32LE(info, index * 64 + 44);
    at += data.length;
  }
  header.writeBigUInt64LE(BigInt(at), 40);
  const bytes = Buffer.concat([header, ...sections.map(({ data }) => data), table]);
  const symbolName = () => {
    const from = offsets[0] + bytes.readUInt32LE(offsets[1] + 24);
    return bytes.toString('latin1', from, bytes.indexOf(0, from));
  };
  const symbolVersion = () => bytes.readUInt16LE(offsets[2] + 2);
  const newestFlags = () => bytes.readUInt16LE(offsets[3] + 16 + 4);
  return { bytes, symbolName, symbolVersion, newestFlags };
}

for (const [arch, shape] of [
  ['x64', USUAL],
  ['arm64', { ...USUAL, machine: ARM64, oldest: 'GLIBC_2.17' }],
] as const) {
  test(`on ${arch} a C23 symbol becomes the old one, and its version is no longer required`, () => {
    const object = makeObject(shape);
    assert.deepEqual(readNeeds(object.bytes), { machine: shape.machine, glibcMinor: 38 });
    assert.equal(fitToGlibc(object.bytes, 36), 2);
    assert.ok(readNeeds(object.bytes).glibcMinor <= 36);
    assert.equal(object.symbolName(), 'strtol');
    assert.equal(object.symbolVersion(), 2);
    assert.equal(object.newestFlags(), 2);
  });
}

test('fitting twice changes nothing the second time', () => {
  const { bytes } = makeObject();
  fitToGlibc(bytes, 36);
  const once = Buffer.from(bytes);
  assert.equal(fitToGlibc(bytes, 36), 0);
  assert.deepEqual(bytes, once);
});

test('an object that asks for nothing newer than the system has stays as it is', () => {
  const { bytes } = makeObject();
  assert.equal(fitToGlibc(bytes, 38), 0);
});

test('a new symbol without an older equal is refused by name, and the object stays as it is', () => {
  const { bytes } = makeObject({ symbol: 'strlcpy' });
  const before = Buffer.from(bytes);
  assert.throws(() => fitToGlibc(bytes, 36), /needs strlcpy of GLIBC_2\.38.*glibc 2\.36/);
  assert.deepEqual(bytes, before);
});

test('a file that is no ELF object, or one for another machine, is refused with the reason', () => {
  assert.throws(() => fitToGlibc(Buffer.from('#!/bin/sh\n'), 36), /no ELF object/);
  assert.throws(() => fitToGlibc(Buffer.alloc(0), 36), /no ELF object/);
  assert.throws(() => fitToGlibc(makeObject({ machine: 3 }).bytes, 36), /unknown machine \(ELF number 3\)/);
});

test('an object cut at any byte gives an ElfError and never anything else', () => {
  const { bytes } = makeObject();
  for (let length = 0; length < bytes.length; length++) {
    const cut = Buffer.from(bytes.subarray(0, length));
    assert.throws(() => fitToGlibc(cut, 36), ElfError, `cut at ${length}`);
  }
});

test('an object with any one byte damaged is fitted or refused with an ElfError', () => {
  const { bytes } = makeObject();
  for (let at = 0; at < bytes.length; at++) {
    const damaged = Buffer.from(bytes);
    damaged[at] = 0xff;
    try {
      fitToGlibc(damaged, 36);
    } catch (error) {
      assert.ok(error instanceof ElfError, `byte ${at}: ${error}`);
    }
  }
});

test('the installed addon is fitted, so that it loads here', () => {
  assert.equal(whyUnsupported(readHost()), '');
  const uws = createRequire(import.meta.url)('uWebSockets.js');
  assert.equal(typeof uws.App, 'function');
});

test('every Linux addon of the package can be fitted, whatever its CPU', () => {
  for (const arch of ['x64', 'arm64']) {
    const addon = readFileSync(join(uwsFolder(), `uws_linux_${arch}_137.node`));
    fitToGlibc(addon, 36);
    assert.equal(fitToGlibc(addon, 36), 0);
  }
});

test('a system on which the addon cannot run is told what was found and what is needed', () => {
  const good: Host = { platform: 'linux', arch: 'x64', glibc: '2.36', abi: '137' };
  const told = (host: Partial<Host>) => whyUnsupported({ ...good, ...host });
  assert.equal(told({}), '');
  assert.equal(told({ glibc: '2.41' }), '');
  assert.equal(told({ glibc: '3.0' }), '');
  assert.equal(told({ platform: 'darwin', glibc: '' }), '');
  assert.match(told({ glibc: '2.35' }), /needs .*glibc 2\.36 or later.*this system has glibc 2\.35/);
  assert.match(told({ glibc: '' }), /needs .*glibc 2\.36.*musl/);
  assert.match(told({ arch: 'riscv64' }), /needs Linux \(x64 or arm64.*this is linux on riscv64/);
  assert.match(told({ platform: 'freebsd' }), /this is freebsd on x64/);
  assert.match(told({ abi: '108' }), /needs Node 20, 22, 24, 25.*module ABI 108/);
});

test('reading the host names this system', () => {
  const host = readHost();
  assert.equal(host.platform, process.platform);
  assert.equal(host.arch, process.arch);
  assert.equal(host.abi, process.versions.modules);
});
