import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { UwsFields } from '../../../src/data/listener/uws-fields.ts';
import { RequestHead } from '../../../src/http/request-head.ts';

type Field = readonly [name: string, value: string];

/** All that a head says. */
function told(head: RequestHead): Record<string, unknown> {
  const { ownLines, goodHost, ...rest } = head.detached() as unknown as Record<string, unknown>;
  return { ...rest, values: head.values('accept'), forwarded: head.forwardedLines('10.0.0.1', false, '') };
}

/** How uWebSockets tells requests to one listener. */
function listener() {
  const head = new RequestHead();
  const fields = new UwsFields(head);
  const begins = (request: readonly Field[]): void => {
    head.begin('GET', '/', '/');
    fields.begin();
    for (const [name, value] of request) fields.add(name, value);
  };
  const ask = (request: readonly Field[]): { said: Record<string, unknown>; areKnown: boolean } => {
    begins(request);
    const areKnown = fields.end();
    head.finish();
    if (!areKnown) fields.keep();
    return { said: { ...told(head), isLossy: fields.isLossy }, areKnown };
  };
  return Object.assign(ask, { begins });
}

const HOST: Field = ['host', 'a.test'];
const FIELDS: readonly Field[] = [
  HOST,
  ['host', 'b.test'],
  ['accept', '*/*'],
  ['accept', 'text/event-stream'],
  ['cookie', 'a=b'],
  ['cookie', 'é'],
  ['cookie', '\ufffd'],
  ['connection', 'keep-alive'],
  ['connection', 'close, accept'],
  ['te', 'trailers'],
  ['expect', '100-continue'],
  ['upgrade', 'websocket'],
  ['x-forwarded-for', '10.0.0.9'],
  ['x_real_ip', '10.0.0.9'],
  ['content-length', '5'],
  ['transfer-encoding', 'chunked'],
];

test('fields that come again are taken as they were read', () => {
  const ask = listener();
  const request: Field[] = [HOST, ['accept', '*/*'], ['cookie', 'a=b']];
  assert.deepEqual(
    [1, 2, 3].map(() => ask(request).areKnown),
    [false, true, true],
  );
});

test('those of several clients are all known, also where one has more of the same', () => {
  const ask = listener();
  const requests: Field[][] = [
    [HOST, ['accept', '*/*']],
    [HOST, ['accept', '*/*'], ['cookie', 'a=b']],
    [HOST, ['accept', '*/*'], ['cookie', 'a=c']],
    [HOST, ['cookie', 'a=c']],
  ];
  for (let round = 0; round < 20; round++) for (const request of requests) ask(request);
  for (const request of requests) assert.ok(ask(request).areKnown, String(request));
});

test('what was known before changes nothing of what a head says', () => {
  const field = fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...FIELDS.slice(0, 6)) }, fc.constantFrom(...FIELDS));
  const request = fc.array(field, { maxLength: 5 }).map((fields): readonly Field[] => [HOST, ...fields]);
  fc.assert(
    fc.property(fc.array(request, { minLength: 1, maxLength: 6 }), fc.infiniteStream(fc.nat()), (requests, choices) => {
      const ask = listener();
      for (let i = 0; i < 40; i++) {
        const { value } = choices.next();
        const chosen = requests[value % requests.length];
        assert.deepEqual(ask(chosen).said, listener()(chosen).said);
      }
    }),
    { numRuns: 200 },
  );
});

test('a request that is given up in the middle of its fields leaves nothing to the next', () => {
  const request: Field[] = [HOST, ['accept', '*/*'], ['cookie', 'a=b']];
  const other: Field[] = [HOST, ['accept', '*/*'], ['cookie', 'a=c']];
  for (const cut of [0, 1, 2, 3]) {
    for (const begun of [request, other]) {
      const ask = listener();
      for (let i = 0; i < 20; i++) ask(request);
      ask.begins(begun.slice(0, cut));
      for (const next of [[HOST], request, other]) assert.deepEqual(ask(next).said, listener()(next).said);
    }
  }
});
