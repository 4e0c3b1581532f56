import assert from 'node:assert/strict';
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
// The only reader of YAML 1.2 without dependencies that is kept well.
import { parse } from 'yaml';
import { findProgram } from '../../scripts/find-program.mjs';
import { parseFlags } from '../../src/settings/parse-flags.ts';
import { run, temporaryFolder } from '../harness/tools.ts';

const UNITS = fileURLToPath(new URL('../../units/', import.meta.url));
const noSystemd = findProgram('systemd-analyze') ? false : 'systemd-analyze is not installed (package systemd)';

type Contents = { inline?: string; local?: string; source?: string };
type Unit = {
  name: string;
  enabled?: boolean;
  contents?: string;
  contents_local?: string;
  dropins?: { name: string; contents: string }[];
};
type Butane = {
  variant: string;
  version: string;
  storage: { files: { path: string; mode?: number; contents: Contents }[] };
  systemd: { units: Unit[] };
};

/** What the specifications of Butane (flatcar 1.1.0, fcos 1.5.0) call the parts that our files use. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  '': ['variant', 'version', 'storage', 'systemd'],
  storage: ['files'],
  'storage.files': ['path', 'mode', 'contents'],
  'storage.files.contents': ['inline', 'local', 'source'],
  systemd: ['units'],
  'systemd.units': ['name', 'enabled', 'contents', 'contents_local', 'dropins'],
  'systemd.units.dropins': ['name', 'contents'],
};

/** Every map of `value` has names of its place only. */
function checkNames(value: unknown, place: string): void {
  if (Array.isArray(value)) {
    for (const item of value) checkNames(item, place);
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, inner] of Object.entries(value)) {
      assert.ok(NAMES[place]?.includes(name), `${name} in ${place}`);
      checkNames(inner, place === '' ? name : `${place}.${name}`);
    }
  }
}

/** Section → its lines, as names with values. */
function sectionsOf(text: string): Map<string, [string, string][]> {
  const sections = new Map<string, [string, string][]>();
  let current: [string, string][] = [];
  for (const line of text.split('\n')) {
    const [, section] = /^\[(.+)\]$/.exec(line) ?? [];
    const at = line.indexOf('=');
    if (section !== undefined) {
      current = [];
      sections.set(section, current);
    } else if (!line.startsWith('#') && at > 0) current.push([line.slice(0, at), line.slice(at + 1)]);
  }
  return sections;
}

/** What podman's generator makes of our Quadlet has these lines, and a command of its own. */
function serviceOf(quadlet: ReadonlyMap<string, [string, string][]>): string {
  const text = [...quadlet].map(([section, lines]) => {
    if (section === 'Container') return '';
    const own = section === 'Service' ? ['Type=notify', 'ExecStart=/bin/true'] : [];
    const others = lines.map(([name, value]) => `${name}=${value.replace('/usr/bin/podman', '/bin/true')}`);
    return [`[${section}]`, ...own, ...others, ''].join('\n');
  });
  return text.join('\n');
}

const QUADLET = sectionsOf(readFileSync(join(UNITS, 'quadlet/tsuji.container'), 'utf8'));

/** Units as Ignition would put them, with programs that exist here. */
function writeUnits(folder: string, units: readonly Unit[]): string[] {
  const here = (text: string): string => text.replaceAll(/\/(opt\/tsuji|usr\/bin)\/tsuji\b/g, '/bin/true');
  return units.map(({ name, contents, contents_local, dropins }) => {
    const path = join(folder, name);
    writeFileSync(path, here(contents ?? readFileSync(join(UNITS, contents_local!), 'utf8')));
    for (const dropin of dropins ?? []) {
      mkdirSync(`${path}.d`, { recursive: true });
      writeFileSync(join(`${path}.d`, dropin.name), here(dropin.contents));
    }
    return path;
  });
}

for (const [file, variant, version] of [
  ['flatcar.bu', 'flatcar', '1.1.0'],
  ['fedora-coreos.bu', 'fcos', '1.5.0'],
]) {
  test(`butane/${file} is Butane, and its units stand with all that they name`, { skip: noSystemd }, async (t) => {
    const butane = parse(readFileSync(join(UNITS, 'butane', file), 'utf8'), { strict: true }) as Butane;
    assert.deepEqual([butane.variant, butane.version], [variant, version]);
    checkNames(butane, '');
    for (const { path, contents } of butane.storage.files) {
      assert.match(path, /^\/(etc|opt)\//);
      assert.equal(Object.keys(contents).length, 1, path);
      if (contents.local !== undefined) assert.ok(existsSync(join(UNITS, contents.local)), contents.local);
    }
    const folder = temporaryFolder();
    t.after(() => folder.remove());
    const made = butane.storage.files.some(({ path }) => path === '/etc/containers/systemd/tsuji.container')
      ? [{ name: 'tsuji.service', contents: serviceOf(QUADLET) }]
      : [];
    const result = await run('systemd-analyze', [
      'verify',
      ...writeUnits(folder.path, [...butane.systemd.units, ...made]),
    ]);
    assert.deepEqual(result, { code: 0, stdout: '', stderr: '' });
  });
}

/** Of podman-systemd.unit(5), podman 5.0: the keys of [Container] that ours uses, each with what it may look like. */
const CONTAINER_KEYS: Readonly<Record<string, RegExp>> = {
  Image: /^[\w./:-]+$/,
  ContainerName: /^\w+$/,
  PublishPort: /^([\d.]+:)?\d+:\d+$/,
  Exec: /^--/,
  Volume: /^[\w-]+:\/[\w/]+:U$/,
  Sysctl: /^[\w.]+=\d+$/,
  Ulimit: /^nofile=\d+:\d+$/,
  DropCapability: /^all$/,
  NoNewPrivileges: /^true$/,
  ReadOnly: /^true$/,
  Tmpfs: /^\//,
  Notify: /^healthy$/,
  HealthCmd: / healthcheck/,
  HealthInterval: /^\d+s$/,
  HealthTimeout: /^\d+s$/,
  HealthStartPeriod: /^\d+s$/,
  HealthRetries: /^\d+$/,
  HealthOnFailure: /^kill$/,
  StopTimeout: /^\d+$/,
};

test('quadlet/tsuji.container has keys that podman 5.0 knows, and around them a unit', {
  skip: noSystemd,
}, async (t) => {
  assert.deepEqual([...QUADLET.keys()], ['Unit', 'Container', 'Service', 'Install']);
  for (const [name, value] of QUADLET.get('Container')!) {
    assert.match(value, CONTAINER_KEYS[name] ?? /^unknown key$/, name);
  }
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const files = writeUnits(folder.path, [{ name: 'tsuji.service', contents: serviceOf(QUADLET) }]);
  assert.deepEqual(await run('systemd-analyze', ['verify', ...files]), { code: 0, stdout: '', stderr: '' });
});

test('every flag that a unit gives tsuji is one that it knows and obeys', () => {
  const flags = (pattern: RegExp, text: string): string[] => pattern.exec(text)?.[1].split(' ') ?? [];
  const commands = new Map(
    globSync(['*.service', 'quadlet/*', 'butane/*'], { cwd: UNITS }).map((file) => {
      const text = readFileSync(join(UNITS, file), 'utf8');
      const words = [/^ {2}tsuji (.*)$/m, /^Exec=(.*)$/m, /^[^#]*OPTIONS="?(--[^"]*)"/m].map((pattern) =>
        flags(pattern, text),
      );
      return [file, words.find(({ length }) => length > 0) ?? []];
    }),
  );
  const given = [...commands].filter(([, words]) => words.length > 0);
  const files = ['butane/flatcar.bu', 'quadlet/tsuji.container', 'tsuji.service', 'tsuji@.service'];
  assert.deepEqual(given.map(([file]) => file).sort(), files);
  for (const [file, words] of given) {
    const parsed = parseFlags(
      words.map((word) => word.replace(/\$\{\w+\}/, '10.0.0.1')),
      {},
    );
    assert.ok(parsed.kind === 'run', `${file}: ${parsed.kind === 'error' ? parsed.message : parsed.kind}`);
    assert.deepEqual(parsed.settings.warnings, [], file);
    assert.ok(parsed.settings.web !== null && parsed.settings.etcd !== null, file);
  }
});
