/** Which settings are in force and where each was written, for people: no secret is among the values. */
import { goDuration, parseDuration } from '../kernel/durations.ts';
import { withoutCredentials } from '../kernel/quote.ts';
import { type EntryPointText, writeEntryPointText } from './entrypoint-text.ts';
import type { Given } from './given.ts';
import { type Row, shownName } from './row.ts';
import { ROWS } from './rows.ts';
import type { Origin } from './setting-warning.ts';
import type { Settings } from './settings.ts';

export type EffectiveSetting = {
  /** As `--help` has it, of an entrypoint `entryPoints.NAME`; or a variable of OpenTelemetry. */
  readonly name: string;
  /** '' for none. */
  readonly value: string;
  readonly origin: Origin;
};

/** In the place of a secret. */
export const SET = '(set)';
const SECRET = /^(?:etcd\.password|tracing\.otlp\.http\.headers(?:\..*)?|OTEL_.*(?:HEADERS|KEY))$/i;
/** Of an entrypoint. */
const SECRET_OPTION = /^Auth\.(?:Basic|Digest)\.Users(?:\.\d+)?$/i;

function shownText(text: string): string {
  return text.includes('-----BEGIN ') ? SET : withoutCredentials(text);
}

function shown(name: string, text: string): string {
  return SECRET.test(name) && text !== '' ? SET : shownText(text);
}

function shownEntryPoint(written: EntryPointText): string {
  const options = new Map(
    Array.from(written.options, ([name, texts]) => [name, SECRET_OPTION.test(name) ? [SET] : texts.map(shownText)]),
  );
  options.delete('Name');
  const certificates = written.certificates.map(({ cert, key }) => ({ cert: shownText(cert), key: shownText(key) }));
  return writeEntryPointText({ ...written, options, certificates }) ?? '(as written in its file)';
}

/** What a default depends on. */
function derived(name: string, { workers, logLevel, web }: Settings): string | undefined {
  if (name === 'workers') return String(workers);
  if (name === 'logLevel') return logLevel;
  return name === 'web.address' ? web?.address : undefined;
}

function shownValue(row: Row, name: string, given: Given, settings: Settings): string {
  if (row.kind === 'section') return String(given.enabled(name));
  const text = given.texts(name).join(',');
  // As keys of a store have them.
  if (row.kind === 'duration' && text.endsWith('ns')) return goDuration(parseDuration(text)! / 1_000);
  return (text === '' || !given.has(name) ? derived(name, settings) : undefined) ?? shown(name, text);
}

/** In the order of the table. What is accepted and does nothing is not among them. */
export function effectiveSettings(given: Given, settings: Settings): EffectiveSetting[] {
  const written = given.settings();
  const entryPoints = given.entryPoints().map((entryPoint) => {
    const name = `entryPoints.${entryPoint.name}`;
    return { name, value: shownEntryPoint(entryPoint), origin: given.originOf(name) };
  });
  const others = ROWS.filter(({ support, kind }) => support === 'now' && kind !== 'entrypoint').flatMap((row) => {
    const names = row.name.endsWith('.*')
      ? written.filter((setting) => setting.row === row).map(({ name }) => shownName(row, name))
      : [row.name];
    return names.map((name) => ({
      name,
      value: shownValue(row, name, given, settings),
      origin: row.kind === 'section' && given.enabled(name) ? given.originOfSection(name) : given.originOf(name),
    }));
  });
  const otel = Array.from(given.otel, ([name, text]) => ({
    name,
    value: shown(name, text),
    origin: 'environment' as const,
  }));
  return [...entryPoints, ...others, ...otel];
}
