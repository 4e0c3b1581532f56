/** docs/logs.md has every event of the log as it is. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { EVENTS } from '../../../src/kernel/events.ts';

const page = readFileSync(new URL('../../../docs/logs.md', import.meta.url), 'utf8');
const RATES: ReadonlyMap<number, string> = new Map([
  [0, ''],
  [50, '20 per s'],
  [1_000, '1 per s'],
  [10_000, '1 per 10 s'],
  [60_000, '1 per min'],
]);
/** Of lines as they are, and not of the table. */
const OWN_FIELDS = new Set(['level', 'msg', 'time', 'event', 'suppressed']);

type Row = { readonly name: string; readonly level: string; readonly rate: string; readonly fields: string };

const rows: Row[] = page
  .slice(page.indexOf('### Events'))
  .split('\n')
  .flatMap((line) => {
    const [, name, level, rate, fields] =
      /^\| `(\w+)` \| (\w+) \| ([^|]*?) ?\| [^|]+ \| ([^|]*?) ?\|$/.exec(line) ?? [];
    return name === undefined ? [] : [{ name, level, rate, fields }];
  });

test('the table of events and their catalogue agree: names, levels and rates', () => {
  const ofPage = new Set(rows.map(({ name, level, rate }) => `${name} | ${level} | ${rate}`));
  const ofCatalogue = new Set(
    Object.values(EVENTS).map(({ name, level, perMs }) => `${name} | ${level} | ${RATES.get(perMs) ?? `${perMs} ms`}`),
  );
  const missing = [...ofCatalogue.difference(ofPage)];
  const wrong = [...ofPage.difference(ofCatalogue)];
  assert.deepEqual({ missing, wrong }, { missing: [], wrong: [] }, 'docs/logs.md');
  assert.equal(rows.length, ofPage.size, 'each event has one row');
});

test('no field has the name of what every line has', () => {
  for (const { name, fields } of rows) {
    for (const [, field] of fields.matchAll(/`(\w+)`/g)) assert.ok(!OWN_FIELDS.has(field), `${name}: ${field}`);
  }
});
