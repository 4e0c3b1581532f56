import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type BackendFacts,
  backendState,
  type ServerFacts,
  serverState,
  upOf,
} from '../../../../src/control/board/states.ts';

const SERVER: ServerFacts = { state: 'in rotation', isDraining: false, weight: 1, tries: 0, bad: 0 };

const SERVERS: readonly [what: string, changes: Partial<ServerFacts>, state: string][] = [
  ['nobody asks it', {}, 'in rotation'],
  ['half of five tries are bad', { tries: 6, bad: 3 }, 'failing'],
  ['all of four tries are bad', { tries: 4, bad: 4 }, 'in rotation'],
  ['fewer than half are bad', { tries: 100, bad: 49 }, 'in rotation'],
  ['it fails in its slow start', { state: 'slow start', tries: 10, bad: 10 }, 'failing'],
  ['it is down, and its last tries failed', { state: 'down', tries: 10, bad: 10 }, 'down'],
  ['it is ejected', { state: 'ejected', tries: 10, bad: 10 }, 'ejected'],
  ['it is on trial', { state: 'on trial' }, 'on trial'],
  ['it fails its trials again and again', { state: 'on trial', tries: 5, bad: 5 }, 'failing'],
  ['it drains and is down', { state: 'down', isDraining: true }, 'draining'],
  ['its weight is 0 and it is down', { state: 'down', weight: 0 }, 'not used'],
];

for (const [what, changes, state] of SERVERS) {
  test(`a server, ${what}: ${state}`, () => assert.equal(serverState({ ...SERVER, ...changes }), state));
}

test('those that take no part are not waited for', () => {
  assert.deepEqual(upOf(['in rotation', 'on trial', 'failing', 'down', 'ejected']), [2, 5]);
  assert.deepEqual(upOf(['in rotation', 'draining', 'not used', 'left out']), [1, 1]);
});

const BACKEND: BackendFacts = {
  servers: ['in rotation', 'in rotation'],
  isWanted: true,
  e5: 0,
  breaker: null,
  refused: 0,
  retriesRefused: 0,
  idleMs: 0,
};

const BACKENDS: readonly [what: string, changes: Partial<BackendFacts>, state: string, why: string][] = [
  ['all is well', {}, 'ok', ''],
  ['no server is left', { servers: ['down', 'failing'] }, 'failing', 'no server answers'],
  [
    'no server is left, and no frontend leads there',
    { servers: ['down'], isWanted: false },
    'impaired',
    '1 server down',
  ],
  ['there is no server', { servers: [] }, 'failing', 'it has no server'],
  ['there is no server, and nobody wants one', { servers: [], isWanted: false }, 'ok', ''],
  ['all of its servers drain', { servers: ['draining'] }, 'failing', 'no server takes part'],
  ['10 % get a 5xx', { e5: 0.1 }, 'failing', '10.0 % get a 5xx'],
  ['its breaker is open', { breaker: 'tripped' }, 'failing', 'breaker open'],
  ['its breaker recovers', { breaker: 'recovering' }, 'impaired', 'breaker recovering'],
  ['one server is down', { servers: ['in rotation', 'down'] }, 'impaired', '1 server down'],
  ['two are out', { servers: ['in rotation', 'down', 'ejected'] }, 'impaired', '2 servers out'],
  ['one is on trial', { servers: ['in rotation', 'on trial'] }, 'impaired', '1 server on trial'],
  ['0.5 % get a 5xx', { e5: 0.005 }, 'impaired', '0.50 % get a 5xx'],
  ['fewer do', { e5: 0.0049 }, 'ok', ''],
  ['too few requests to say', { e5: null }, 'ok', ''],
  ['its limit refuses', { refused: 1 }, 'impaired', 'its limit refuses requests'],
  ['retries are refused', { retriesRefused: 1 }, 'impaired', 'retry budget used up'],
  ['nobody asks it for 10 min', { idleMs: 600_000 }, 'idle', 'no request for 10 min'],
  [
    'nobody asks it, and a server is down',
    { idleMs: 600_000, servers: ['down', 'slow start'] },
    'impaired',
    '1 server down',
  ],
];

for (const [what, changes, state, why] of BACKENDS) {
  test(`a backend, ${what}: ${state}`, () =>
    assert.deepEqual(backendState({ ...BACKEND, ...changes }), { state, why }));
}
