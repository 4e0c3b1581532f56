/** Whether handles do what handles.ts takes them to do, tried once per worker. */
import { randomBytes } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { acceptHandles, type HandleUser, type RawHandle, readBuffer, StreamHandle } from './handles.ts';
import { missing, streamBinding } from './stream-binding.ts';

const SELF_TEST_MS = 2_000;

/** '' or why no handles are to be used: a connection to ourselves is accepted, read, answered and ended. */
export async function handleProblem(): Promise<string> {
  if (streamBinding === null) return `node has no ${missing}`;
  const server = createServer();
  const secret = randomBytes(32);
  const { promise, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(() => resolve('a connection to ourselves is not answered'), SELF_TEST_MS);
  const close: (() => void)[] = [() => server.close(), () => clearTimeout(timer)];
  server.on('error', (error) => resolve(error.message));
  server.listen({ port: 0, host: '127.0.0.1' }, () => {
    const taken = acceptHandles(
      server,
      1_000,
      (raw) => {
        const echo = new Echo(raw);
        close.push(() => echo.close());
      },
      resolve,
    );
    if (!taken) resolve('connections cannot be accepted as handles');
    const client = connect({ port: (server.address() as { port: number }).port, host: '127.0.0.1' });
    close.push(() => client.destroy());
    let answer = Buffer.alloc(0);
    client.on('error', (error) => resolve(error.message));
    client.on('data', (chunk) => {
      answer = Buffer.concat([answer, chunk]);
    });
    client.on('end', () => resolve(answer.equals(secret) ? '' : 'it is not answered with what was sent'));
    client.end(secret);
  });
  const problem = await promise;
  for (const step of close) step();
  return problem;
}

/** Sends back what comes, and ends when its peer does. */
class Echo implements HandleUser {
  private readonly handle: StreamHandle;

  constructor(raw: RawHandle) {
    this.handle = new StreamHandle(raw, this, false);
    this.handle.setReading(true);
  }

  handleRead(length: number): void {
    this.handle.write(Buffer.from(readBuffer.subarray(0, length)));
  }

  handleEnded(): void {
    this.handle.shutDown();
  }

  close(): void {
    this.handle.close();
  }

  handleFailed(): void {}
  handleWrote(): void {}
  handleShut(): void {}
  handleClosed(): void {}
  handleCrashed(): void {}
}
