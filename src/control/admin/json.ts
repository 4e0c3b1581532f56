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

/** A text, or its parts where it may be long: whoever makes it can do something else in between. */
export type JsonText = string | Iterable<string>;

function* partsOf(text: JsonText): Generator<string> {
  if (typeof text === 'string') yield text;
  else yield* text;
}

/** As `jsonMap`, in parts. The map is read at once, because it may change before all of it is written. */
export function jsonMapParts<T>(map: ReadonlyMap<string, T>, write: (value: T) => JsonText): Iterable<string> {
  const entries = [...map].sort(([one], [other]) => (one < other ? -1 : 1));
  return jsonObjectParts(entries, write);
}

/** An object of named values, in their order and in parts. */
export function* jsonObjectParts<T>(
  entries: Iterable<readonly [name: string, value: T]>,
  write: (value: T) => JsonText,
): Generator<string> {
  let before = '{';
  for (const [name, value] of entries) {
    yield `${before}${jsonText(name)}:`;
    yield* partsOf(write(value));
    before = ',';
  }
  yield before === '{' ? '{}' : '}';
}

/** An array in parts. */
export function* jsonListParts<T>(items: Iterable<T>, write: (item: T) => JsonText): Generator<string> {
  let before = '[';
  for (const item of items) {
    yield before;
    yield* partsOf(write(item));
    before = ',';
  }
  yield before === '[' ? '[]' : ']';
}
