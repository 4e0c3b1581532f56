/** Texts for a terminal: what others have written cannot leave its place or move a cursor, and columns have a width. */

/** Whatever a terminal obeys, or what turns the direction of text. */
const OBEYED = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
/** Characters that take two columns. */
const WIDE = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\u3000-\u303f\uff01-\uff60\p{Emoji_Presentation}]/u;
const NO_WIDTH = /\p{M}/u;

/** In one line, and as long as it was in characters. */
export function plain(text: string): string {
  return text.replace(OBEYED, '\ufffd');
}

function columnsOf(character: string): number {
  if (character < '\u0300') return 1;
  return NO_WIDTH.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
}

export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += columnsOf(character);
  return width;
}

/** In so many columns: cut, with a mark where something is missing, and filled up with blanks, in front for `right`. */
export function fitted(text: string, width: number, right = false): string {
  if (width <= 0) return '';
  const clean = plain(text);
  const has = widthOf(clean);
  if (has <= width) return right ? ' '.repeat(width - has) + clean : clean + ' '.repeat(width - has);
  let kept = '';
  let used = 0;
  for (const character of clean) {
    const columns = columnsOf(character);
    if (used + columns > width - 1) break;
    kept += character;
    used += columns;
  }
  return `${kept}…${' '.repeat(width - used - 1)}`;
}
