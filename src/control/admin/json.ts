/**
 * JSON as Traefik 1.7 writes it (shared/spec cli-api §5.1): compact, `<`, `>` and `&` escaped, maps sorted by key.
 * Maps are written from entries, never through an object: an object would put names like `10` first and lose
 * `__proto__`.
 */

const ESCAPES: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
};

/** The JSON text of plain data. Outside of strings none of the escaped characters can stand. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (character) => ESCAPES[character]);
}

/** A map as a JSON object, sorted by key. `write` gives the JSON text of a value. */
export function jsonMap<T>(map: ReadonlyMap<string, T>, write: (value: T) => string): string {
  const names = [...map.keys()].sort();
  return `{${names.map((name) => `${jsonText(name)}:${write(map.get(name) as T)}`).join(',')}}`;
}
