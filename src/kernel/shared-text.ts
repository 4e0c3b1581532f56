/** Each of them, of 2 KiB at most, is dropped with all others when there are too many. */
const MOST = 512;

const texts = new Map<string, string>();

/** The one text of a thread that says the same: whoever compares it with itself need not look into it. */
export function sharedText(text: string): string {
  const known = texts.get(text);
  if (known !== undefined) return known;
  if (texts.size >= MOST) texts.clear();
  texts.set(text, text);
  return text;
}
