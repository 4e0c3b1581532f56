/** What comes from a key could hold what a terminal obeys, or another line. */
export function plain(text: string): string {
  return text.replace(/[^\x20-\x7e\x80-\u{10ffff}]|[\x80-\x9f]/gu, '?');
}
