import { once } from 'node:events';
import { createServer } from 'node:net';

/** The highest port that is tried before giving up, seen from where stepping began. */
const STEPS = 200;

/** '' when `port` can be listened on, on all interfaces; else why not. */
async function whyTaken(port: number): Promise<string> {
  const server = createServer();
  try {
    server.listen(port);
    await once(server, 'listening');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return code === 'EACCES' ? 'needs root' : 'is taken';
  }
  server.close();
  await once(server, 'close');
  return '';
}

/**
 * The first free port: `wanted`, else from `next` upwards. Says what it stepped over with `say`. `taken`: ports that
 * are spoken for although nobody listens on them yet.
 */
export async function pickPort(
  wanted: number,
  next: number,
  taken: ReadonlySet<number>,
  say: (line: string) => void,
): Promise<number> {
  for (const port of [wanted, ...Array.from({ length: STEPS }, (_, step) => next + step)]) {
    const reason = taken.has(port) ? 'is taken' : await whyTaken(port);
    if (reason === '') return port;
    say(`port ${port} ${reason}, trying the next one`);
  }
  throw new Error(`no free port among ${wanted} and ${next} to ${next + STEPS - 1}`);
}
