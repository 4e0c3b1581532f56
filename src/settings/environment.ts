/** Settings from the environment: `--etcd.endpoint` is `TSUJI_ETCD_ENDPOINT`. */
import { TsujiError } from '../kernel/errors.ts';
import { nearestName } from '../kernel/nearest.ts';
import { problemOf } from './flag-values.ts';
import type { Row } from './row.ts';
import { ROWS } from './rows.ts';
import type { Warn } from './setting-warning.ts';

const PREFIX = 'TSUJI_';

export type EnvironmentSetting = {
  readonly row: Row;
  /** Lower case. */
  readonly name: string;
  readonly text: string;
};

/** Those of OpenTelemetry that say something: empty ones are as good as not set, as its specification has it. */
export function readOtelVariables(env: NodeJS.ProcessEnv): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(env).flatMap(([name, text = '']) =>
      name.startsWith('OTEL_') && text !== '' ? [[name, text] as const] : [],
    ),
  );
}

function variableOf(name: string): string {
  return PREFIX + name.replaceAll('.', '_').toUpperCase();
}

const ROWS_BY_VARIABLE: ReadonlyMap<string, Row> = new Map(ROWS.map((row) => [variableOf(row.name), row]));
const FAMILIES = ROWS.filter((row) => row.name.endsWith('.*'));

function rowOf(variable: string): Row | undefined {
  const exact = ROWS_BY_VARIABLE.get(variable);
  if (exact !== undefined) return exact;
  return FAMILIES.find((row) => `${variable}_`.startsWith(variableOf(row.name.slice(0, -1))));
}

/**
 * Empty variables count as not given: a compose file that passes an unset variable on makes it empty.
 * @param warn takes each variable that belongs to no flag
 * @throws TsujiError that names the variable and what is wrong with its value
 */
export function readEnvironment(env: NodeJS.ProcessEnv, warn: Warn): EnvironmentSetting[] {
  const settings: EnvironmentSetting[] = [];
  for (const variable of Object.keys(env).sort()) {
    const value = env[variable] ?? '';
    if (!variable.startsWith(PREFIX) || value === '') continue;
    const row = rowOf(variable);
    if (row === undefined) {
      const near = nearestName(variable, ROWS_BY_VARIABLE.keys());
      warn(variable, `it is unknown${near === null ? '' : `; did you mean ${near}?`}`);
      continue;
    }
    // A variable cannot be repeated, so several entrypoints stand in one, a line each.
    const texts = row.kind === 'entrypoint' ? value.split('\n').filter((line) => line.trim() !== '') : [value];
    for (const text of texts) {
      const problem = problemOf(row, text);
      if (problem !== '') throw new TsujiError('BAD_VARIABLE', `${variable}: ${problem}`);
      settings.push({ row, name: row.name.toLowerCase(), text });
    }
  }
  return settings;
}
