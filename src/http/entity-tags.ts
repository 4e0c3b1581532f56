/** Entity tags of conditional requests (RFC 9110 §8.8.3, §13.1.2). */

const QUOTE = '"';
const WEAK = 'W/';

/**
 * The value of an If-None-Match with each weak tag in its strong form as well: `W/"a"` → `W/"a", "a"`. A server whose tag
 * became weak because its response was compressed may compare text, and then finds its own.
 */
export function withStrongForms(value: string): string {
  const strong = new Set<string>();
  const weak = new Set<string>();
  for (let open = value.indexOf(QUOTE); open >= 0; ) {
    const close = value.indexOf(QUOTE, open + 1);
    if (close < 0) break;
    const isWeak = open >= WEAK.length && value.startsWith(WEAK, open - WEAK.length);
    (isWeak ? weak : strong).add(value.slice(open, close + 1));
    open = value.indexOf(QUOTE, close + 1);
  }
  let all = value;
  for (const tag of weak) if (!strong.has(tag)) all += `, ${tag}`;
  return all;
}
