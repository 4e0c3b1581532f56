/** The Cookie field of a request (RFC 6265 §4.2 and §5.4). */

/** The value of the first cookie of that name, without quotes around it; null when no field has it. Builds nothing. */
export function cookieValue(fields: readonly string[], name: string): string | null {
  for (const field of fields) {
    for (let at = 0; at < field.length; ) {
      let end = field.indexOf(';', at);
      if (end < 0) end = field.length;
      while (at < end && (field[at] === ' ' || field[at] === '\t')) at++;
      if (field.startsWith(name, at) && field[at + name.length] === '=') {
        const value = field.slice(at + name.length + 1, end).trim();
        return value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
      }
      at = end + 1;
    }
  }
  return null;
}

function nameOf(pair: string): string {
  const equals = pair.indexOf('=');
  return equals < 0 ? '' : pair.slice(0, equals).trim();
}

/** The values of all cookies of that name, without quotes around them. */
export function cookieValues(fields: readonly string[], name: string): string[] {
  const pairs = fields.flatMap((field) => field.split(';')).filter((pair) => nameOf(pair) === name);
  return pairs.map((pair) => cookieValue([pair], name) ?? '');
}

/** One field with all cookies but those of that name; '' when there are no others. */
export function withoutCookie(fields: readonly string[], name: string): string {
  const pairs = fields.flatMap((field) => field.split(';')).map((pair) => pair.trim());
  return pairs.filter((pair) => pair !== '' && nameOf(pair) !== name).join('; ');
}
