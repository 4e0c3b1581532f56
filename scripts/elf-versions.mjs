/**
 * Makes a shared object that was linked against a newer glibc acceptable to an older one.
 *
 * Since glibc 2.38, a compiler in C23 mode turns `strtol`, `strtoul` and `sscanf` into `__isoc23_strtol` and so on,
 * which older systems do not have. The new ones differ only in reading `0b` prefixes. So each such symbol is given its
 * old name (the tail of the same string) and the oldest version of libc, and the version that nothing asks for any more
 * becomes weak, which the dynamic linker lets pass.
 *
 * Source: System V gABI (ELF header, sections, symbols), Linux Standard Base core §"Symbol Versioning".
 * Plain JavaScript: it runs at install time under whatever Node is there (20 or later).
 */

const SHT_DYNSYM = 11;
const SHT_GNU_VERNEED = 0x6ffffffe;
const SHT_GNU_VERSYM = 0x6fffffff;
const VER_FLG_WEAK = 2;
const HIDDEN_BIT = 0x8000;
const SYMBOL_SIZE = 24;
const SECTION_HEADER_SIZE = 64;
const C23_PREFIX = '__isoc23_';

/** The first glibc of each architecture, by ELF machine number: what every old symbol carries. */
const OLDEST_VERSION = new Map([
  [62, 'GLIBC_2.2.5'],
  [183, 'GLIBC_2.17'],
]);

export class ElfError extends Error {
  constructor(message) {
    super(message);
    this.name = 'ElfError';
  }
}

/** A view of `length` bytes at `offset`, or an ElfError that names what should have been there. */
function slice(bytes, offset, length, what) {
  const from = Number(offset);
  const count = Number(length);
  if (!(from >= 0 && count >= 0 && from + count <= bytes.length)) {
    throw new ElfError(`the file ends before its ${what} (bytes ${from} to ${from + count} of ${bytes.length})`);
  }
  return bytes.subarray(from, from + count);
}

function stringAt(strings, offset) {
  const end = offset < strings.length ? strings.indexOf(0, offset) : -1;
  if (end < 0) throw new ElfError(`a name at offset ${offset} lies outside the string table`);
  return strings.toString('latin1', offset, end);
}

function readHeader(bytes) {
  if (bytes.length < 4 || bytes.readUInt32BE(0) !== 0x7f454c46) throw new ElfError('the file is no ELF object');
  const header = slice(bytes, 0, 64, 'ELF header');
  if (header[4] !== 2 || header[5] !== 1) throw new ElfError('only 64-bit little-endian ELF objects are understood');
  if (header.readUInt16LE(58) !== SECTION_HEADER_SIZE) throw new ElfError('the section headers have an unknown size');
  return {
    machine: header.readUInt16LE(18),
    sectionsAt: header.readBigUInt64LE(40),
    sectionCount: header.readUInt16LE(60),
  };
}

function readSections(bytes, header) {
  const table = slice(bytes, header.sectionsAt, header.sectionCount * SECTION_HEADER_SIZE, 'section headers');
  const sections = [];
  for (let at = 0; at < table.length; at += SECTION_HEADER_SIZE) {
    sections.push({
      type: table.readUInt32LE(at + 4),
      offset: table.readBigUInt64LE(at + 24),
      size: table.readBigUInt64LE(at + 32),
      link: table.readUInt32LE(at + 40),
      count: table.readUInt32LE(at + 44),
    });
  }
  return sections;
}

function sectionOf(bytes, sections, type, what) {
  const section = sections.find((candidate) => candidate.type === type);
  if (!section) throw new ElfError(`the object has no ${what}`);
  return { ...section, data: slice(bytes, section.offset, section.size, what) };
}

function linkedStrings(bytes, sections, section) {
  const strings = sections[section.link];
  if (!strings) throw new ElfError('a section names a string table that does not exist');
  return slice(bytes, strings.offset, strings.size, 'string table');
}

/** The n of GLIBC_2.n, 0 for other names. */
function minorOf({ name }) {
  return Number(/^GLIBC_2\.(\d+)/.exec(name)?.[1] ?? 0);
}

/** Every version that the object needs of libc.so.6; `at` is the entry's place within the section's data. */
function readNeededVersions(needs, strings) {
  const versions = [];
  let fileAt = 0;
  for (let file = 0; file < needs.count; file++) {
    const need = slice(needs.data, fileAt, 16, 'version requirement');
    const isLibc = stringAt(strings, need.readUInt32LE(4)) === 'libc.so.6';
    let at = fileAt + need.readUInt32LE(8);
    for (let left = need.readUInt16LE(2); left > 0; left--) {
      const entry = slice(needs.data, at, 16, 'version requirement');
      if (isLibc) {
        const name = stringAt(strings, entry.readUInt32LE(8));
        versions.push({ at, name, flags: entry.readUInt16LE(4), index: entry.readUInt16LE(6) & ~HIDDEN_BIT });
      }
      const next = entry.readUInt32LE(12);
      // A distance of 0 ends a list, whatever its count says.
      if (next === 0) break;
      at += next;
    }
    const next = need.readUInt32LE(12);
    if (next === 0) break;
    fileAt += next;
  }
  return versions;
}

/**
 * The ELF machine number of an object, and the newest glibc that it cannot do without, as the n of GLIBC_2.n. Throws
 * ElfError when it is no such object, or is cut short.
 */
export function readNeeds(bytes) {
  const header = readHeader(bytes);
  const sections = readSections(bytes, header);
  const needs = sectionOf(bytes, sections, SHT_GNU_VERNEED, 'version requirements');
  const versions = readNeededVersions(needs, linkedStrings(bytes, sections, needs));
  const minors = versions.filter(({ flags }) => !(flags & VER_FLG_WEAK)).map(minorOf);
  return { machine: header.machine, glibcMinor: Math.max(0, ...minors) };
}

/**
 * Rewrites `bytes` (a whole 64-bit ELF object) in place, so that a glibc of version 2.`glibcMinor` loads it.
 * Returns how many entries changed; 0 when nothing was to do. Throws ElfError, and leaves `bytes` as they were, when the
 * file is no such object, is cut short, or needs something newer that has no older equal.
 */
export function fitToGlibc(bytes, glibcMinor) {
  const header = readHeader(bytes);
  const sections = readSections(bytes, header);
  const symbols = sectionOf(bytes, sections, SHT_DYNSYM, 'dynamic symbols');
  const symbolVersions = sectionOf(bytes, sections, SHT_GNU_VERSYM, 'symbol versions');
  const needs = sectionOf(bytes, sections, SHT_GNU_VERNEED, 'version requirements');
  const symbolNames = linkedStrings(bytes, sections, symbols);
  const versions = readNeededVersions(needs, linkedStrings(bytes, sections, needs));

  const oldestName = OLDEST_VERSION.get(header.machine);
  if (!oldestName) throw new ElfError(`the object is for an unknown machine (ELF number ${header.machine})`);
  const tooNew = versions.filter((version) => minorOf(version) > glibcMinor);
  if (tooNew.length === 0) return 0;
  const oldest = versions.find(({ name }) => name === oldestName);
  if (!oldest) throw new ElfError(`the object needs nothing of ${oldestName}, so there is no version to fall back to`);

  const edits = [];
  const symbolCount = Math.floor(symbols.data.length / SYMBOL_SIZE);
  slice(symbolVersions.data, 0, symbolCount * 2, 'symbol versions');
  for (let symbol = 0; symbol < symbolCount; symbol++) {
    const versionIndex = symbolVersions.data.readUInt16LE(symbol * 2) & ~HIDDEN_BIT;
    const version = tooNew.find(({ index }) => index === versionIndex);
    if (!version) continue;
    const nameAt = symbols.data.readUInt32LE(symbol * SYMBOL_SIZE);
    const name = stringAt(symbolNames, nameAt);
    if (!name.startsWith(C23_PREFIX)) {
      throw new ElfError(`the object needs ${name} of ${version.name}, and this system has glibc 2.${glibcMinor}`);
    }
    edits.push(() => {
      symbols.data.writeUInt32LE(nameAt + C23_PREFIX.length, symbol * SYMBOL_SIZE);
      symbolVersions.data.writeUInt16LE(oldest.index, symbol * 2);
    });
  }
  for (const { at, flags } of tooNew) {
    if (flags & VER_FLG_WEAK) continue;
    edits.push(() => needs.data.writeUInt16LE(flags | VER_FLG_WEAK, at + 4));
  }
  for (const edit of edits) edit();
  return edits.length;
}
