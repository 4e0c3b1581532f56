/** Texts that many objects have in common, kept once: the same keys below each of 100 000 frontends. */

/** What is longer is hardly said twice. */
const LONGEST = 64;

export class SharedTexts {
  readonly #texts = new Map<string, string>();
  readonly #most: number;

  /** `most`: after that many different ones it begins anew, so that what comes once does not keep out what comes often. */
  constructor(most: number) {
    this.#most = most;
  }

  /** That text, or the same one from before. */
  of(text: string): string {
    if (text.length > LONGEST) return text;
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    if (this.#texts.size >= this.#most) this.#texts.clear();
    this.#texts.set(text, text);
    return text;
  }
}
