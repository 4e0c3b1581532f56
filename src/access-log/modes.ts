/** Which fields and header fields stand in a line (shared/spec logs §1.3). */
import type { AccessLogNames, AccessLogOptions, HeaderMode } from '../kernel/access-log-options.ts';

/** What is never written in the clear unless it is asked for by its name (shared/spec logs §2.8). */
const SECRETS: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization', 'cookie', 'set-cookie']);

/** What 1.7 and 3 call by different names. */
export type FieldNames = {
  readonly frontend: string;
  readonly backend: string;
  readonly url: string;
  readonly address: string;
};

export function fieldNames(names: AccessLogNames): FieldNames {
  return names === '3'
    ? { frontend: 'RouterName', backend: 'ServiceName', url: 'ServiceURL', address: 'ServiceAddr' }
    : { frontend: 'FrontendName', backend: 'BackendName', url: 'BackendURL', address: 'BackendAddr' };
}

/** 1.7 compares the spelling of names, 3 does not. */
export function fieldModes({ fields, names }: AccessLogOptions): (field: string) => boolean {
  const spelled = (name: string): string => (names === '3' ? name.toLowerCase() : name);
  const modes = new Map(fields.names.map(([name, mode]) => [spelled(name), mode]));
  const known = new Map<string, boolean>();
  return (field) => {
    let keeps = known.get(field);
    if (keeps === undefined) {
      keeps = (modes.get(spelled(field)) ?? fields.defaultMode) === 'keep';
      known.set(field, keeps);
    }
    return keeps;
  };
}

/** `name` in lower case. */
export function headerMode({ headers }: AccessLogOptions, name: string): HeaderMode {
  const own = headers.names.findLast(([known]) => known === name)?.[1];
  if (own !== undefined) return own;
  return headers.defaultMode === 'keep' && SECRETS.has(name) ? 'redact' : headers.defaultMode;
}
