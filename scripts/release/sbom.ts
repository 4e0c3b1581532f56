/** The bill of materials: what npm knows of the packages (`npm sbom`), reduced to those that a release contains. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './bundle.ts';
import { runProgram } from './run-program.ts';

type Component = { readonly 'bom-ref': string; readonly [field: string]: unknown };
/** The parts of CycloneDX 1.5 that are looked at here. */
export type Bom = {
  readonly serialNumber: string;
  readonly metadata: { readonly timestamp: string; readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
};

/** A file that is in a release as it was published. */
export type ShippedFile = { readonly name: string; readonly sha256: string };

export type Shipped = {
  /** `name@version` of each package. */
  readonly packages: readonly string[];
  readonly files: readonly ShippedFile[];
  /** ISO 8601. */
  readonly time: string;
};

/**
 * `bom` reduced to `shipped`, with nothing in it that differs from run to run. Throws when a package is missing in it. (Its
 * own `--omit=dev` leaves out what a development package needs as well.)
 */
export function shippedBom(bom: Bom, { packages, files, time }: Shipped): Bom {
  const refs = new Set(packages);
  const components = bom.components.filter((component) => refs.has(component['bom-ref']));
  const found = new Set(components.map((component) => component['bom-ref']));
  for (const ref of refs) if (!found.has(ref)) throw new Error(`npm sbom says nothing of ${ref}`);
  const root = { ...bom.metadata.component, name: 'tsuji', type: 'application' };
  const dependencies = bom.dependencies
    .filter(({ ref }) => refs.has(ref) || ref === root['bom-ref'])
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((to) => refs.has(to)) }));
  const fileComponents = files.map(({ name, sha256 }) => ({
    'bom-ref': `file:${name}`,
    type: 'file',
    name,
    hashes: [{ alg: 'SHA-256', content: sha256 }],
  }));
  const made = {
    ...bom,
    metadata: { ...bom.metadata, timestamp: time, component: root },
    components: [...components, ...fileComponents],
    dependencies,
  };
  const digest = createHash('sha256')
    .update(JSON.stringify({ ...made, serialNumber: '' }))
    .digest('hex');
  return { ...made, serialNumber: `urn:uuid:${asUuid(digest)}` };
}

/** RFC 9562 §5.8: a UUID of our own making. */
function asUuid(hex: string): string {
  const variant = ((Number.parseInt(hex[16], 16) & 3) | 8).toString(16);
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, variant + hex.slice(17, 20)];
  return [...parts, hex.slice(20, 32)].join('-');
}

/** `folders`: of packages, relative to the root of the work tree. Gives their `name@version`, sorted. */
export function packageRefs(folders: readonly string[]): string[] {
  const refs = folders.map((folder) => {
    const text = readFileSync(join(ROOT, folder, 'package.json'), 'utf8');
    const { name, version } = JSON.parse(text) as { name: string; version: string };
    return `${name}@${version}`;
  });
  return [...new Set(refs)].sort();
}

export function sbomText(shipped: Shipped): string {
  const told = runProgram('npm', ['sbom', '--sbom-format=cyclonedx', '--package-lock-only'], { cwd: ROOT });
  return `${JSON.stringify(shippedBom(JSON.parse(told) as Bom, shipped), null, 2)}\n`;
}
