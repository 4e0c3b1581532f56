/** What the log of this very process is told, for tests of parts that run without a tsuji around them. */
import type { LineLevel } from '../../src/kernel/events.ts';
import { type LogRecord, sendLogTo, shownFields } from '../../src/kernel/log.ts';

export type Line = { readonly event: string; readonly level: LineLevel } & Record<string, unknown>;

/** Lines from here to the end of the test: event, level and fields. They are not printed. */
export function captureLog(): Line[] {
  const lines: Line[] = [];
  sendLogTo((record: LogRecord) => {
    const { event, text, level } = record;
    const { suppressed: _, ...fields } = shownFields(record);
    lines.push({ ...fields, event: event === '' ? text : event, level });
    return true;
  });
  return lines;
}
