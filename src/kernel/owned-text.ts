const LATIN1 = /^[\0-\xff]*$/;

/** The same text in memory of its own and in one piece: a part of a text else keeps the whole of it. */
export function owned(text: string): string {
  const encoding = LATIN1.test(text) ? 'latin1' : 'utf16le';
  return Buffer.from(text, encoding).toString(encoding);
}
