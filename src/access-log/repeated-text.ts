/** A text of a line of JSON that may stand there in several places: it is copied from the first of them. */
import type { LineBytes } from './line-bytes.ts';

export class RepeatedText {
  private text = '';
  private latin1 = false;
  /** Where in the line it was written first; 0 bytes: nowhere so far. */
  private at = 0;
  private bytes = 0;

  /** A line begins; `latin1` as for `jsonField`. */
  begin(text: string, latin1: boolean): void {
    this.text = text;
    this.latin1 = latin1;
    this.bytes = 0;
  }

  write(out: LineBytes): void {
    if (this.bytes > 0) {
      out.again(this.at, this.bytes);
      return;
    }
    this.at = out.at;
    out.json(this.text, this.latin1);
    this.bytes = out.at - this.at;
  }
}
