/** The Cookie field of a request (RFC 6265 §4.2 and §5.4), read without building anything. */

/** The value of the first cookie of that name, without quotes around it; null when no field has it. */
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
