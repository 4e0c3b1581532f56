/** A port that accepts nobody: a process that listens, whose queue is full, and that is stopped. */
import { spawn } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { waitFor } from './wait.ts';

const LISTEN =
  "const [,host,port]=process.argv;const s=require('node:net').createServer();" +
  's.listen({port:Number(port),host,backlog:1},()=>console.log(s.address().port))';

/** Resolves to the port. `port`: 0 for a free one. */
export async function startFullPort(
  t: { after(fn: () => unknown): unknown },
  host: string,
  wanted: number,
): Promise<number> {
  const child = spawn(process.execPath, ['-e', LISTEN, host, String(wanted)], { stdio: ['ignore', 'pipe', 'ignore'] });
  t.after(() => child.kill('SIGKILL'));
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  await waitFor(() => output.includes('\n'), 'the listening process');
  const port = Number(output);
  child.kill('SIGSTOP');
  const fillers: Socket[] = [];
  t.after(() => {
    for (const socket of fillers) socket.destroy();
  });
  let connected = 0;
  // The queue is full when of two connections in a row none is accepted.
  for (let before = -1; before !== connected; ) {
    before = connected;
    for (let i = 0; i < 2; i++) {
      const socket = connect(port, host);
      socket.on('error', () => {});
      socket.on('connect', () => connected++);
      fillers.push(socket);
    }
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  return port;
}
