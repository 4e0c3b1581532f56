/**
 * Says whether uWebSockets.js can run here, in words for the person who installs or starts tsuji.
 * Plain JavaScript: it runs at install time under whatever Node is there (20 or later).
 */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import process from 'node:process';

/** The oldest glibc that offers all the addon asks for, but for the symbols that fit-uws renames. */
export const OLDEST_GLIBC_MINOR = 36;
/** The first glibc on which the addon loads as it is shipped. */
export const NATIVE_GLIBC_MINOR = 38;

const BUILDS = new Set(['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64', 'win32-x64']);
const NODE_MAJOR_OF_ABI = new Map([
  ['115', 20],
  ['127', 22],
  ['137', 24],
  ['141', 25],
]);

/** What decides: `glibc` is '' on a Linux without glibc and on other systems; `abi` is `process.versions.modules`. */
export function readHost() {
  // The report would look up the names of all network peers, which can take seconds.
  process.report.excludeNetwork = true;
  const glibc = process.platform === 'linux' ? (process.report.getReport().header.glibcVersionRuntime ?? '') : '';
  return { platform: process.platform, arch: process.arch, glibc, abi: process.versions.modules };
}

/** The minor number of a glibc 2.x; Infinity for a later major. */
export function glibcMinorOf(glibc) {
  const [major, minor] = glibc.split('.').map(Number);
  return major > 2 ? Number.POSITIVE_INFINITY : minor;
}

/** '' when the addon has a build for `host`; else what was found and what is needed. */
export function whyUnsupported(host) {
  const needs = `uWebSockets.js needs Linux (x64 or arm64, glibc 2.${OLDEST_GLIBC_MINOR} or later), macOS or Windows x64`;
  if (!BUILDS.has(`${host.platform}-${host.arch}`)) return `${needs}; this is ${host.platform} on ${host.arch}`;
  if (!NODE_MAJOR_OF_ABI.has(host.abi)) {
    const majors = [...NODE_MAJOR_OF_ABI.values()].join(', ');
    return `uWebSockets.js needs Node ${majors} (tsuji is made for 24); this Node has the module ABI ${host.abi}`;
  }
  if (host.platform !== 'linux') return '';
  if (host.glibc === '') return `${needs}; this Linux has another C library (musl, as on Alpine?)`;
  if (glibcMinorOf(host.glibc) < OLDEST_GLIBC_MINOR) return `${needs}; this system has glibc ${host.glibc}`;
  return '';
}

/** The folder of the installed package; throws when it is not installed. */
export function uwsFolder() {
  return dirname(createRequire(import.meta.url).resolve('uWebSockets.js'));
}
