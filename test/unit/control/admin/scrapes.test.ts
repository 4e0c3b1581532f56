import assert from 'node:assert/strict';
import test from 'node:test';
import { gunzipSync } from 'node:zlib';
import { type ScrapeLimits, Scrapes } from '../../../../src/control/admin/metrics/scrapes.ts';
import { MetricsSource } from '../../../../src/control/admin/metrics/source.ts';
import { Page, PageMaker } from '../../../../src/control/admin/page.ts';
import { Unpacking } from '../../../../src/control/admin/unpacking.ts';
import { MetricsReader } from '../../../../src/shared/metrics-reader.ts';
import { parseExposition } from './exposition-parser.ts';
import { backend, FakeView, server } from './fake-view.ts';

function start(limits: Partial<ScrapeLimits>) {
  const view = new FakeView();
  for (let i = 0; i < 500; i++) view.put(backend(`backend${i}`, server('s', `http://10.0.0.1:${i + 1}`)));
  const maker = new PageMaker();
  const source = new MetricsSource(view, new MetricsReader(() => view.lanes));
  return { maker, scrapes: new Scrapes(source, maker, limits) };
}

async function allOf(unpacking: Unpacking): Promise<string> {
  const pieces: Buffer[] = [];
  for (let piece = await unpacking.next(); piece !== null; piece = await unpacking.next()) {
    assert.ok(piece.length <= 65_536);
    pieces.push(piece);
  }
  unpacking.end();
  const bytes = Buffer.concat(pieces);
  assert.equal(bytes.length, unpacking.bytes);
  return bytes.toString();
}

test('a large page that is not wanted compressed is unpacked a piece at a time, for two at a time', async () => {
  const { scrapes } = start({ wholeBytes: 1_000 });
  const ask = () => scrapes.page(false, false);
  const [first, second, third] = await Promise.all([ask(), ask(), ask()]);
  assert.ok(first instanceof Unpacking && second instanceof Unpacking);
  assert.ok('reason' in third && /ask for gzip/.test(third.reason));
  const compressed = await scrapes.page(false, true);
  assert.ok(compressed instanceof Page && compressed.gzipped);
  assert.equal(gunzipSync(Buffer.concat(compressed.pieces)).length, compressed.textBytes);

  const text = await allOf(first);
  assert.equal(parseExposition(text).get('traefik_backend_server_up')?.samples.length, 500);
  first.end();
  const next = await ask();
  assert.ok(next instanceof Unpacking);
  assert.ok('reason' in (await ask()));
  second.end();
  next.end();
  assert.ok((await ask()) instanceof Unpacking);
});

test('a small page is unpacked once, for all who ask', async () => {
  const { scrapes } = start({});
  const pages = await Promise.all([1, 2, 3, 4].map(() => scrapes.page(true, false)));
  assert.equal(new Set(pages).size, 1);
  assert.ok(pages[0] instanceof Page && !pages[0].gzipped);
  assert.match(Buffer.concat(pages[0].pieces).toString(), /\n# EOF\n$/);
});

test('a page that is not made in time is no page', async () => {
  const { maker, scrapes } = start({ makingMs: 20 });
  let isAsked = true;
  const busy = maker.ask('busy', function* () {
    while (isAsked) yield '';
  });
  const late = await scrapes.page(false, true);
  assert.ok('reason' in late && /not made in time/.test(late.reason));
  isAsked = false;
  await busy;
});
