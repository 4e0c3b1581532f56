import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { AdminConnection } from '../../../../src/control/admin/connection.ts';
import type { Page } from '../../../../src/control/admin/page.ts';
import { MOST_STREAMS, UiStream } from '../../../../src/control/admin/ui-api/stream.ts';
import { Board } from '../../../../src/control/board/board.ts';
import { FakeView } from './fake-view.ts';

/** What a client of the stream has been sent. */
class Client {
  state = 'answering';
  isBusy = false;
  onStreamEnd: () => void = () => {};
  text = '';

  stream(_: unknown, first: string): void {
    this.state = 'streaming';
    this.text += first;
  }

  send(pages: readonly Page[]): void {
    for (const { pieces } of pages) for (const piece of pieces) this.text += piece;
  }

  end(): void {
    this.onStreamEnd();
  }

  /** Of each message id and name, since the last time. */
  take(): string[] {
    const found = [...this.text.matchAll(/^(?:id: (\d+)\n)?event: (\w+)/gm)].map(([, id, event]) =>
      id === undefined ? event : `${id} ${event}`,
    );
    this.text = '';
    return found;
  }
}

class Scene {
  private readonly t: TestContext;
  time = 1_800_000_000_000;
  readonly view = new FakeView();
  readonly board = new Board(this.view, { historyBytes: 0, now: () => this.time });
  readonly hub = new UiStream(this.board);

  constructor(t: TestContext) {
    this.t = t;
    t.mock.timers.enable({ apis: ['setTimeout'] });
  }

  add(last = -1): Client {
    const client = new Client();
    this.hub.add(client as unknown as AdminConnection, {}, last);
    return client;
  }

  happens(count = 1): void {
    for (let i = 0; i < count; i++) {
      this.board.events.log.add({ t: this.time, kind: 'keys', worse: 0, of: [], text: [`${i}`], by: 'test' });
    }
    this.t.mock.timers.tick(250);
  }
}

test('a page that comes back within a minute hears what it has missed, once', (t) => {
  const scene = new Scene(t);
  const first = scene.add();
  assert.deepEqual(first.take(), ['overview', '0 findings']);
  scene.happens();
  assert.deepEqual(first.take(), ['1 event']);
  first.end();
  scene.happens();
  assert.deepEqual(scene.add(1).take(), ['2 event', 'overview']);
  assert.deepEqual(scene.add(2).take(), ['overview']);
  assert.deepEqual(scene.add(99).take(), ['overview', '2 findings'], 'of another process');
});

test('after a minute it begins anew', async (t) => {
  const scene = new Scene(t);
  scene.happens(2);
  scene.time += 61_000;
  await scene.board.look();
  assert.deepEqual(scene.add(1).take().at(-1), '3 findings');
});

test('at most ten events a second are told, and how many were not', (t) => {
  const scene = new Scene(t);
  const client = scene.add();
  client.take();
  scene.happens(25);
  const events = client.text.match(/^event: event$/gm) ?? [];
  assert.equal(events.length, 10);
  assert.match(client.text, /event: more\ndata: \{"n":15\}/);
});

test('a page that lags gets the newest overview only, and then what it has missed', async (t) => {
  const scene = new Scene(t);
  const client = scene.add();
  await scene.board.look();
  client.take();
  client.isBusy = true;
  scene.happens();
  for (let i = 0; i < 3; i++) {
    scene.time += 2_000;
    await scene.board.look();
  }
  assert.deepEqual(client.take(), []);
  client.isBusy = false;
  scene.time += 2_000;
  await scene.board.look();
  assert.equal(client.take().filter((message) => message.endsWith('overview')).length, 1);
});

test('there are at most 64', (t) => {
  const scene = new Scene(t);
  for (let i = 0; i < MOST_STREAMS; i++) {
    assert.ok(!scene.hub.isFull());
    scene.add();
  }
  assert.ok(scene.hub.isFull());
  scene.hub.close();
  assert.ok(!scene.hub.isFull());
});
