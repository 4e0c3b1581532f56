/** Which range the charts of a screen show, and their history: asked for once, then only what is new of it. */
import { autoRange, joined, RANGES } from './history.js';
import { samePlace } from './place.js';
import { html, useEffect, useState } from './preact.js';
import { ask, repeated, state, useStore } from './store.js';
import { level, serverNow } from './verdict.js';

let lastAuto = '1h';

function chosenRange(now) {
  const { range, from } = now.place.params;
  if (RANGES[range] !== undefined) return range;
  // A part is of the range that its address names, or may be anywhere.
  if (from !== undefined) return '24h';
  const shown = level(now);
  if (shown !== 'unknown' && now.overview !== null) lastAuto = autoRange(shown, serverNow() - now.overview.since);
  return lastAuto;
}

export const useRange = () => useStore(chosenRange);

function go(changes) {
  location.hash = samePlace(state.place, { from: '', to: '', ...changes });
}

export function RangeChoice() {
  const range = useRange();
  const params = useStore((now) => now.place.params);
  const isCut = params.from !== undefined;
  const isAuto = params.range === undefined && !isCut;
  return html`<span class="segments" role="group" aria-label="Range">
    ${isCut && html`<button aria-pressed="true" onClick=${() => go({})}>Part of it ×</button>`}
    <button aria-pressed=${String(isAuto)} title="The shortest range that shows when the present state began" onClick=${() => go({ range: '' })}>Auto${isAuto ? ` · ${RANGES[range].word}` : ''}</button>
    ${Object.entries(RANGES).map(([name, { word }]) => html`<button aria-pressed=${String(!isAuto && !isCut && range === name)} onClick=${() => go({ range: name })}>${word}</button>`)}
  </span>`;
}

/** `of`: as `/api/ui/history` has it. Null until it is there. */
export function useHistory(of, range) {
  const [history, setHistory] = useState(null);
  useEffect(() => {
    const { points, step } = RANGES[range];
    const path = `history?of=${encodeURIComponent(of)}&range=${range}`;
    let kept = null;
    setHistory(null);
    const turn = async (signal) => {
      // The last point may have been told before it was whole.
      const after = kept === null ? '' : `&after=${kept.t0 + Math.max(0, kept.c2.length - 2) * kept.step}`;
      kept = joined(kept, await ask(path + after, signal), points);
      setHistory(kept);
    };
    const asking = repeated(turn, Math.min(step, 15_000));
    asking.now();
    return asking.stop;
  }, [of, range]);
  return history;
}
