import { once } from 'node:events';
import { createServer, type ListenOptions } from 'node:net';

/** How many ports are tried, counted from where stepping began. */
const STEPS = 200;

type Held = { close(): void };

/** Listens, or says why that cannot be. */
async function listen(options: ListenOptions): Promise<Held | 'needs root' | 'is taken'> {
  const server = createServer();
  try {
    server.listen(options);
    await once(server, 'listening');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES' ? 'needs root' : 'is taken';
  }
  server.unref();
  return server;
}

/**
 * Claims `port` among demos. tsuji's workers share their port with whoever else allows it, so two demos that start at
 * the same time would not notice each other. The name is in Linux's abstract namespace: no file, gone with the process.
 */
async function claim(port: number): Promise<Held | 'is taken'> {
  if (process.platform !== 'linux') return { close() {} };
  const held = await listen({ path: `\0tsuji-demo-port-${port}` });
  return typeof held === 'string' ? 'is taken' : held;
}

/** '' when `port` is free on all interfaces and now claimed for this process; else why not. */
async function whyNotClaimed(port: number): Promise<string> {
  const claimed = await claim(port);
  if (typeof claimed === 'string') return claimed;
  const probe = await listen({ port });
  if (typeof probe === 'string') {
    claimed.close();
    return probe;
  }
  probe.close();
  return '';
}

/**
 * The first free port: `wanted`, else from `next` upwards. It stays claimed until this process ends. What is stepped
 * over is said with `say`.
 */
export async function pickPort(wanted: number, next: number, say: (line: string) => void): Promise<number> {
  for (const port of [wanted, ...Array.from({ length: STEPS }, (_, step) => next + step)]) {
    const reason = await whyNotClaimed(port);
    if (reason === '') return port;
    say(`port ${port} ${reason}, trying the next one`);
  }
  throw new Error(`no free port among ${wanted} and ${next} to ${next + STEPS - 1}`);
}
