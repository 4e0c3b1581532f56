/** `tsuji top`: backends, frontends or servers of a running tsuji in a terminal, as they are now. */
import { setTimeout as sleep } from 'node:timers/promises';
import { timerSpan } from '../kernel/durations.ts';
import { reasonOf } from '../kernel/errors.ts';
import { quoted } from '../kernel/quote.ts';
import { adminPlace } from './admin-client.ts';
import type { Arguments } from './arguments.ts';
import { command, readDuration } from './run-command.ts';
import { type ListName, readTop, type TopData, type Wanted } from './top/top-data.ts';
import { afterKey, frame, rowsOf, type ScreenState } from './top/top-screen.ts';
import { plainText } from './top/top-text.ts';
import { UsageError } from './usage-error.ts';

const HELP = `Shows what a running tsuji tells on its admin address: requests per second, errors and times of the last seconds, and the
state of each. Keys: b backends, f frontends, Enter servers of the marked one, Esc back, left and right another column to
sort by, r the other way round, up and down, q.
Where standard output is no terminal it prints a table once; with --interval again and again.
Exit code 0: ended by q, or printed; 1: tsuji cannot be asked.
`;
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l';
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l';
const LEAST_INTERVAL_MS = 200;
/** A key of several bytes comes at once; keys that were held down come as a row of them. */
const KEY = /\x1b\[[0-9;]*[A-Za-z~]|\x1b|[^\x1b]/gsu;

function wantedOf({ options }: Arguments, limit: number): Wanted {
  const backend = options.get('backend') ?? '';
  const list = (options.get('list') ?? (backend === '' ? 'backends' : 'servers')) as ListName;
  if ((list === 'servers') !== (backend !== '')) {
    throw new UsageError('--list=servers and --backend=NAME go together: those of one backend are shown');
  }
  const count = options.get('limit') ?? String(limit);
  if (!/^[1-9]\d{0,2}$/.test(count) || Number(count) > 200)
    throw new UsageError(`--limit: ${quoted(count)} is not from 1 to 200`);
  return {
    list,
    backend,
    filter: options.get('filter') ?? '',
    sort: options.get('sort') ?? 'worst',
    offset: 0,
    limit: Number(count),
  };
}

async function printed(place: string, wanted: Wanted, intervalMs: number | null): Promise<number> {
  // Whoever reads what is printed has had enough.
  process.stdout.on('error', () => process.exit(0));
  for (;;) {
    process.stdout.write(plainText(await readTop(place, wanted), wanted));
    if (intervalMs === null) return 0;
    process.stdout.write('\n');
    await sleep(timerSpan(intervalMs));
  }
}

/** Until a key or a signal ends it; the terminal is as it was then. */
class Terminal {
  private state: ScreenState;
  private data: TopData | null = null;
  private trouble = '';
  private readonly place: string;
  private readonly hasColours: boolean;
  private readonly over = new AbortController();
  private wake = new AbortController();

  constructor(place: string, wanted: Wanted, hasColours: boolean) {
    this.place = place;
    this.hasColours = hasColours;
    this.state = { wanted, selected: 0, back: null };
  }

  async run(intervalMs: number): Promise<number> {
    const { stdin, stdout } = process;
    const signals = ['SIGTERM', 'SIGHUP', 'SIGINT'] as const;
    const end = (): void => this.end();
    const keys = (text: string): void => this.press(text);
    const resized = (): void => this.draw();
    for (const signal of signals) process.on(signal, end);
    stdout.on('resize', resized);
    stdout.write(ENTER);
    if (stdin.isTTY) stdin.setRawMode(true).setEncoding('utf8').on('data', keys);
    try {
      while (!this.over.signal.aborted) {
        this.wake = new AbortController();
        await this.look();
        const { signal } = this.wake;
        await sleep(timerSpan(intervalMs), undefined, { signal: AbortSignal.any([signal, this.over.signal]) }).catch(
          () => {},
        );
      }
    } finally {
      stdout.write(LEAVE);
      if (stdin.isTTY) stdin.setRawMode(false).off('data', keys).pause();
      stdout.off('resize', resized);
      for (const signal of signals) process.off(signal, end);
    }
    return 0;
  }

  private async look(): Promise<void> {
    this.state = { ...this.state, wanted: { ...this.state.wanted, limit: Math.min(200, rowsOf(process.stdout.rows)) } };
    const { wanted } = this.state;
    try {
      const data = await readTop(this.place, wanted);
      // A key may have asked for something else meanwhile.
      if (wanted.list !== this.state.wanted.list || wanted.backend !== this.state.wanted.backend) return;
      this.data = data;
      this.trouble = '';
    } catch (error) {
      this.trouble = reasonOf(error);
    }
    this.draw();
  }

  private press(text: string): void {
    for (const [key] of text.matchAll(KEY)) {
      const next = afterKey(this.state, key, this.data);
      if (next === null) {
        this.end();
        return;
      }
      if (next.wanted.list !== this.state.wanted.list) this.data = null;
      this.state = next;
    }
    this.draw();
    this.wake.abort();
  }

  private draw(): void {
    const { columns, rows } = process.stdout;
    process.stdout.write(`\x1b[H${frame(this.state, this.data, this.trouble, { columns, rows }, this.hasColours)}`);
  }

  private end(): void {
    this.over.abort();
  }
}

export const runTop = command('top', HELP, async (args, env) => {
  const { options, flags } = args;
  const place = adminPlace(flags, env);
  const intervalMs = Math.max(LEAST_INTERVAL_MS, readDuration(options, 'interval', '2s'));
  const isPlain = options.has('once') || !process.stdout.isTTY;
  const wanted = wantedOf(args, 20);
  if (isPlain) return printed(place, wanted, options.has('interval') && !options.has('once') ? intervalMs : null);
  // https://no-color.org
  return new Terminal(place, wanted, (env.NO_COLOR ?? '') === '').run(intervalMs);
});
