/**
 * `npm run bench -- most`: the most that one connection, and one address with many of them, can make a worker hold. Each
 * attack gets a fresh tsuji; its connections stay as they are, and the resident size tells what they cost.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { PREFACE, SETTING } from '../../src/http2/codes.ts';
import { beginHeaders, endHeaders, writeBlock, writeData, writeSettings } from '../../src/http2/frame-writer.ts';
import { HpackEncoder } from '../../src/http2/hpack-encoder.ts';
import { ByteOutput } from '../../src/kernel/byte-output.ts';
import { readResident } from '../cpu.ts';
import { chooseCores, describeMachine, machineText } from '../machine.ts';
import { STATIC_HOST, startOrigin } from '../origin.ts';
import { tsujiCommand } from '../peers/tsuji.ts';
import { freePort, type Processes, untilListening } from '../processes.ts';
import { formatNumber, formatTable } from '../table.ts';
import { makePair } from './proxies.ts';

const ROOT = join(import.meta.dirname, '../..');
const SILENT_HOST = 'silent.example.com';
const CONNECTIONS = 64;
/** Behind the last byte of an attack: what is ended for it is gone by then. */
const SETTLE_MS = 3_000;
const WARM_UP_REQUESTS = 200;
const STREAMS = 250;
const KIB = 1024;
const MIB = KIB * KIB;

type Attack = {
  readonly title: string;
  readonly secure: boolean;
  readonly run: (socket: Socket) => void;
};

function request(host: string, path: string, more = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`;
}

function bytesOf(out: ByteOutput): Buffer {
  const pieces: Uint8Array[] = [];
  out.takePieces(pieces);
  return Buffer.concat(pieces);
}

function openingOf(initialWindow: number): ByteOutput {
  const out = new ByteOutput();
  out.bytes(PREFACE, 0, PREFACE.length);
  writeSettings(out, [SETTING.initialWindowSize, initialWindow]);
  return out;
}

function fieldsOf(encoder: HpackEncoder, out: ByteOutput, method: string, host: string, path: string): void {
  for (const [name, value] of [
    [':method', method],
    [':scheme', 'http'],
    [':authority', host],
    [':path', path],
  ] as const) {
    encoder.field(out, name, value);
  }
}

/** Streams of requests; `filler`: bytes of a field of each. */
function streams(socket: Socket, method: string, host: string, path: string, filler: number, body: number): void {
  const out = openingOf(0);
  const encoder = new HpackEncoder();
  for (let id = 1; id < 2 * STREAMS; id += 2) {
    if (filler > 8_000) {
      const block = new ByteOutput();
      fieldsOf(encoder, block, method, host, path);
      encoder.field(block, 'x-filler', 'f'.repeat(filler));
      writeBlock(out, id, body === 0, bytesOf(block));
    } else {
      const mark = beginHeaders(out, id, body === 0);
      fieldsOf(encoder, out, method, host, path);
      endHeaders(out, mark);
    }
    const piece = Buffer.alloc(16_384, 'u');
    for (let sent = 0; sent < body; sent += piece.length) writeData(out, id, piece, 0, piece.length, false);
  }
  socket.write(bytesOf(out));
}

const ATTACKS: readonly Attack[] = [
  {
    title: 'one request, then rest',
    secure: false,
    run: (socket) => socket.write(request(STATIC_HOST, '/')),
  },
  {
    title: 'the same over TLS',
    secure: true,
    run: (socket) => socket.write(request(STATIC_HOST, '/')),
  },
  {
    title: 'a ClientHello of 16 KiB without its end',
    secure: false,
    run: (socket) =>
      socket.write(Buffer.concat([Buffer.from([22, 3, 1, 64, 0, 1, 0, 63, 252, 3, 3]), Buffer.alloc(16_000)])),
  },
  {
    title: 'a head of 64 KiB without its end',
    secure: false,
    run: (socket) => {
      const field = `x-${'f'.repeat(16)}: ${'f'.repeat(15_900)}\r\n`;
      socket.write(`GET / HTTP/1.1\r\nHost: ${STATIC_HOST}\r\n${field.repeat(4)}x: `);
    },
  },
  {
    title: '32 pipelined requests of 1 MiB, nothing read',
    secure: false,
    run: (socket) => {
      socket.pause();
      socket.write(request(STATIC_HOST, '/1m').repeat(32));
    },
  },
  {
    title: 'an upload that its server does not read',
    secure: false,
    run: (socket) => {
      socket.write(`POST / HTTP/1.1\r\nHost: ${SILENT_HOST}\r\nContent-Length: 1000000000\r\n\r\n`);
      const piece = Buffer.alloc(MIB, 'u');
      for (let i = 0; i < 32; i++) socket.write(piece);
    },
  },
  {
    title: `${STREAMS} streams of 1 MiB, windows shut`,
    secure: false,
    run: (socket) => streams(socket, 'GET', STATIC_HOST, '/1m', 0, 0),
  },
  {
    title: `${STREAMS} streams with heads of 16 KiB, unanswered`,
    secure: false,
    run: (socket) => streams(socket, 'GET', SILENT_HOST, '/', 16_000, 0),
  },
  {
    title: `${STREAMS} uploads of 128 KiB that their server does not read`,
    secure: false,
    run: (socket) => streams(socket, 'POST', SILENT_HOST, '/', 0, 131_072),
  },
];

/** Takes connections and does nothing with them. */
async function silentServer(): Promise<Server> {
  const server = createServer((socket) => {
    socket.pause();
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

function writeKeys(folder: string, urls: Readonly<Record<string, string>>): void {
  for (const [host, url] of Object.entries(urls)) {
    const name = host.split('.')[0];
    for (const [key, value] of [
      [`backends/${name}/servers/one/url`, url],
      [`frontends/${name}/backend`, name],
      [`frontends/${name}/routes/main/rule`, `Host:${host}`],
    ]) {
      const path = join(folder, key);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, value);
    }
  }
}

function open(port: number, secure: boolean): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const at = { port, host: '127.0.0.1' };
    const socket: Socket = secure
      ? connectTls({ ...at, rejectUnauthorized: false }, () => resolve(socket))
      : connect(at, () => resolve(socket));
    socket.on('error', reject);
  });
}

async function warmUp(port: number): Promise<void> {
  for (let i = 0; i < WARM_UP_REQUESTS; i++) {
    const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { host: STATIC_HOST } });
    await response.arrayBuffer();
  }
}

async function measure(
  processes: Processes,
  core: number | null,
  attack: Attack,
  folder: string,
  { cert, key }: { cert: string; key: string },
): Promise<readonly string[]> {
  const clear = await freePort();
  const tls = await freePort();
  const started = processes.start(
    'tsuji',
    core,
    tsujiCommand(ROOT, clear, [
      `--folder=${folder}`,
      `--entryPoints=Name:http Address:127.0.0.1:${clear} Engine:tsuji`,
      `--entryPoints=Name:tls Address:127.0.0.1:${tls} TLS:${cert},${key}`,
      '--defaultEntryPoints=http,tls',
    ]),
  );
  const sockets: Socket[] = [];
  try {
    await untilListening(started, tls);
    await warmUp(clear);
    // A handshake with a port in the clear is none, but its bytes are read as those of one on the port for TLS.
    const port = attack.secure || attack.title.startsWith('a ClientHello') ? tls : clear;
    const before = readResident(started.pid);
    for (let i = 0; i < CONNECTIONS; i++) {
      const socket = await open(port, attack.secure);
      socket.on('error', () => {}).on('data', () => {});
      attack.run(socket);
      sockets.push(socket);
    }
    let most = 0;
    for (let waited = 0; waited < SETTLE_MS; waited += 100) {
      await sleep(100);
      most = Math.max(most, readResident(started.pid) - before);
    }
    const alive = sockets.filter((socket) => !socket.closed && !socket.readableEnded).length;
    return [
      attack.title,
      formatNumber(most / KIB / CONNECTIONS),
      formatNumber(most / MIB),
      `${alive} of ${CONNECTIONS}`,
    ];
  } finally {
    for (const socket of sockets) socket.destroy();
    await processes.stop(started);
  }
}

/** @throws Error when a server does not come up */
export async function measureMost(processes: Processes, tell: (text: string) => void): Promise<void> {
  const machine = describeMachine();
  const cores = chooseCores(machine.cores, processes.pins);
  console.log(`${machineText(machine, cores, new Map())}\n`);
  const pair = makePair(processes.folder('certificate'));
  const origin = await startOrigin(processes, cores.load);
  const silent = await silentServer();
  const folder = processes.folder('keys');
  const [direct] = origin.routes.find(({ host }) => host === STATIC_HOST)!.servers;
  writeKeys(folder, {
    [STATIC_HOST]: `http://127.0.0.1:${direct}`,
    [SILENT_HOST]: `http://127.0.0.1:${(silent.address() as AddressInfo).port}`,
  });
  const rows: (readonly string[])[] = [];
  try {
    for (const attack of ATTACKS) {
      tell(attack.title);
      rows.push(await measure(processes, cores.proxy, attack, folder, pair));
    }
  } finally {
    silent.close();
  }
  tell('');
  console.log(`${CONNECTIONS} connections of one address, Engine:tsuji, limits as they are by default`);
  console.log(formatTable(['what a client does', 'KiB a connection', 'MiB in all', 'still open'], rows));
}
