/**
 * The Debian package: what the tarball has, where Debian has such things. Built by dpkg-deb, which every Debian has; there
 * is nothing to compile, so debhelper would only be one more thing to install.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { OLDEST_GLIBC_MINOR } from '../uws-host.mjs';
import { type Build, ROOT } from './bundle.ts';
import type { Architecture } from './node-package.ts';
import { runProgram } from './run-program.ts';
import { addPapers, type Bundled, makeProgram, normalise } from './tree.ts';

/** Debian's names. */
export const DEBIAN_ARCHITECTURES: Readonly<Record<Architecture, string>> = { x64: 'amd64', arm64: 'arm64' };
const DEBIAN = join(ROOT, 'scripts/release/debian');
const MAINTAINER = 'The tsuji maintainers <maintainers@tsuji.invalid>';
const MAINTAINER_SCRIPTS = ['postinst', 'prerm', 'postrm'];
/** None is enabled. What needs docker or belongs to one site stays among the papers. */
const UNITS = ['tsuji.service', 'node-address.service', 'register-dns@.service', 'register-dns-v3@.service'];

/** `sizeKib`: of what is installed. */
export function controlText(architecture: Architecture, version: string, sizeKib: number): string {
  return `Package: tsuji
Version: ${version}
Architecture: ${DEBIAN_ARCHITECTURES[architecture]}
Maintainer: ${MAINTAINER}
Installed-Size: ${sizeKib}
Depends: libc6 (>= 2.${OLDEST_GLIBC_MINOR}), libgcc-s1, libstdc++6
Suggests: etcd-client
Section: net
Priority: optional
Description: HTTP load balancer whose routes live in etcd
 Services register themselves under a prefix of etcd, every tsuji watches it,
 and a change routes traffic milliseconds later, with no reload. tsuji
 understands the keys, the rule language and the flags of Traefik 1.x.
 .
 Node and uWebSockets.js come with the package.
`;
}

/** The top of the package's changelog; what has changed is told by CHANGELOG.md. */
export function debianChangelog(version: string, time: string): string {
  const date = new Date(time).toUTCString().replace('GMT', '+0000');
  return `tsuji (${version}) unstable; urgency=medium

  * Release ${version}: see CHANGELOG.md.

 -- ${MAINTAINER}  ${date}
`;
}

/** In KiB, by the lengths of files alone: what folders and blocks add depends on the file system. */
function sizeOf(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const sizes = files.map((entry) => Math.ceil(statSync(join(entry.parentPath, entry.name)).size / 1024));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Writes `file`. `work`: a folder for what it is made of. */
export function makeDeb(
  architecture: Architecture,
  file: string,
  bundled: Bundled,
  release: Build & { readonly version: string; readonly epoch: number },
  work: string,
): void {
  const root = join(work, `deb-${architecture}`);
  rmSync(root, { recursive: true, force: true });
  const program = join(root, 'usr/lib/tsuji');
  const papers = join(root, 'usr/share/doc/tsuji');
  makeProgram(architecture, program, bundled, work);
  addPapers(architecture, papers, bundled, work);
  for (const folder of ['usr/bin', 'lib/systemd/system', 'etc/default', 'usr/share/lintian/overrides', 'DEBIAN']) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  symlinkSync('../lib/tsuji/tsuji', join(root, 'usr/bin/tsuji'));
  for (const name of UNITS) cpSync(join(ROOT, 'units', name), join(root, 'lib/systemd/system', name));
  cpSync(join(DEBIAN, 'default'), join(root, 'etc/default/tsuji'));
  cpSync(join(DEBIAN, 'copyright'), join(papers, 'copyright'));
  cpSync(join(DEBIAN, 'lintian-overrides'), join(root, 'usr/share/lintian/overrides/tsuji'));
  rmSync(join(papers, 'LICENSE'));
  writeFileSync(join(papers, 'changelog.gz'), gzipSync(debianChangelog(release.version, release.time), { level: 9 }));
  // lintian wants what is long compressed.
  for (const name of ['LICENSES-OF-OTHERS.txt', 'LICENSE-OF-NODE.txt', 'CHANGELOG.md']) {
    writeFileSync(join(papers, `${name}.gz`), gzipSync(readFileSync(join(papers, name)), { level: 9 }));
    rmSync(join(papers, name));
  }
  const control = join(root, 'DEBIAN');
  writeFileSync(join(control, 'conffiles'), '/etc/default/tsuji\n');
  for (const name of MAINTAINER_SCRIPTS) cpSync(join(DEBIAN, name), join(control, name));
  const size = sizeOf(root);
  writeFileSync(join(control, 'control'), controlText(architecture, release.version, size));
  const files = runProgram('find', ['etc', 'lib', 'usr', '-type', 'f', '-not', '-path', 'etc/*'], { cwd: root });
  const sums = runProgram('md5sum', files.trim().split('\n').sort(), { cwd: root });
  writeFileSync(join(control, 'md5sums'), sums);
  normalise(root, release.epoch, [
    'usr/lib/tsuji/tsuji',
    'usr/lib/tsuji/node',
    ...MAINTAINER_SCRIPTS.map((name) => `DEBIAN/${name}`),
  ]);
  runProgram('dpkg-deb', ['--root-owner-group', '-Zgzip', '-z9', '--build', root, file], {
    env: { SOURCE_DATE_EPOCH: String(release.epoch) },
  });
}
