/** The three charts of one owner: how many requests, how fast, how many of them fail. */
import { Chart } from './chart.js';
import { compared, RANGES, stacked } from './history.js';
import { html, useMemo } from './preact.js';

/** `history`: of `range`; `now`: the last 10 s, `{ c, lat }`. */
export function Charts({ history, range, now, height, small }) {
  const { c, lat } = now;
  const ago = RANGES[range].ago;
  const notes = useMemo(() => {
    if (history === null || c === null) return ['', ''];
    const all = c[0] + c[1] + c[2] + c[3];
    return [compared(all, stacked(history)[3], ago), lat === null ? '' : compared(lat[2], history.p99, ago)];
  }, [history, c, lat, ago]);
  const same = { history, range, now, height, small };
  return html`<${Chart} kind="traffic" span="s5" note=${notes[0]} ...${same} /><${Chart} kind="latency" span="s4" note=${notes[1]} ...${same} /><${Chart} kind="errors" span="s3" ...${same} />`;
}
