/**
 * The least that a proxy on uWebSockets.js and Node's sockets can do for a small GET, to see what tsuji's own work costs on
 * top: the same calls into both, the fields put together in the same way, writes at the end of a turn. It routes nothing,
 * checks nothing, counts nothing, times nothing, and answers 200 whatever came, with what nginx writes behind its
 * Connection field. Never serve with it.
 *
 *     node bench/peers/least-proxy.ts PORT DEPTH SERVER_PORT …      DEPTH: requests in flight per connection
 */
import { connect, type Socket } from 'node:net';
import { type HttpResponse, loadUws } from '../../src/data/listener/uws.ts';
import { readDirectly, writeHead } from '../../src/data/socket/direct-io.ts';

const READ_BYTES = 262_144;
const HEAD_END = '\r\n\r\n';
const LENGTH_FIELD = '\r\nContent-Length: ';
const LAST_DROPPED = '\r\nConnection: keep-alive\r\n';
const FORWARDED = Buffer.from(
  'x-forwarded-for: 127.0.0.1\r\nx-forwarded-host: nginx.example.com\r\nx-forwarded-port: 80\r\n' +
    'x-forwarded-proto: http\r\nx-forwarded-server: least\r\nx-real-ip: 127.0.0.1\r\n\r\n',
).toString();

const [port, depth, ...servers] = process.argv.slice(2).map(Number);
const buffer = Buffer.allocUnsafeSlow(READ_BYTES) as Buffer & { latin1Slice(start: number, end: number): string };

let toWrite: Connection[] = [];
let spare: Connection[] = [];
let scheduled = false;

function endTurn(): void {
  scheduled = false;
  const connections = toWrite;
  toWrite = spare;
  spare = connections;
  filling.fill(null);
  for (const connection of connections) connection.write();
  connections.length = 0;
}

/** One client's request. */
class Waiting {
  response: HttpResponse | null;
  private text = '';
  private body: Uint8Array | null = null;
  private readonly whole = (): void => {
    this.response!.writeStatus(this.text);
    this.response!.end(this.body!);
  };

  constructor(response: HttpResponse) {
    this.response = response;
    response.onAborted(() => {
      this.response = null;
    });
  }

  answer(text: string, body: Uint8Array): void {
    if (this.response === null) return;
    this.text = text;
    this.body = body;
    this.response.cork(this.whole);
  }
}

class Connection {
  readonly waiting: Waiting[] = [];
  private readonly pool: Connection[];
  private readonly socket: Socket;
  private heads = '';
  private connected = false;

  constructor(serverPort: number, pool: Connection[]) {
    this.pool = pool;
    const onread = { buffer, callback: (length: number): boolean => this.read(length) };
    this.socket = connect({ port: serverPort, host: '127.0.0.1', noDelay: true, onread });
    this.socket.on('connect', () => {
      this.connected = true;
      readDirectly(this.socket, (length) => this.read(length));
      this.write();
    });
    this.socket.on('error', (error) => {
      throw error;
    });
  }

  enqueue(waiting: Waiting, head: string): void {
    this.waiting.push(waiting);
    this.heads += head;
    if (this.waiting.length > 1) return;
    toWrite.push(this);
    if (scheduled) return;
    scheduled = true;
    setImmediate(endTurn);
  }

  write(): void {
    if (!this.connected || this.heads === '') return;
    writeHead(this.socket, this.heads);
    this.heads = '';
  }

  private read(length: number): boolean {
    for (let at = 0; at < length; ) {
      const head = buffer.indexOf(HEAD_END, at, 'latin1');
      const digits = buffer.indexOf(LENGTH_FIELD, at, 'latin1') + LENGTH_FIELD.length;
      const kept = buffer.indexOf(LAST_DROPPED, digits, 'latin1') + LAST_DROPPED.length;
      let bodyLength = 0;
      for (let i = digits; buffer[i]! >= 48; i++) bodyLength = bodyLength * 10 + buffer[i]! - 48;
      const body = head + HEAD_END.length;
      const text = `200 OK\r\n${buffer.latin1Slice(kept, head)}`;
      at = body + bodyLength;
      if (head < 0 || at > length) throw new Error('a response in pieces');
      this.waiting.shift()!.answer(text, new Uint8Array(buffer.buffer, body, bodyLength));
    }
    if (this.waiting.length === 0) this.pool.push(this);
    return true;
  }
}

const idle: Connection[][] = servers.map(() => []);
/** What requests of this turn are enqueued on, with a depth above 1. */
const filling: (Connection | null)[] = servers.map(() => null);
let turn = 0;

function take(server: number): Connection {
  const open = filling[server];
  if (open !== null && open!.waiting.length < depth!) return open!;
  const connection = idle[server]!.pop() ?? new Connection(servers[server]!, idle[server]!);
  if (depth! > 1) filling[server] = connection;
  return connection;
}

let fields = '';
function add(name: string, value: string): void {
  if (name !== 'host') fields += `${name}: ${value}\r\n`;
}

const uws = await loadUws();
uws
  .App()
  .get('/*', (response, request) => {
    const waiting = new Waiting(response);
    const path = request.getUrl();
    const query = request.getQuery() as string | undefined;
    const target = query === undefined ? path : `${path}?${query}`;
    fields = '';
    request.forEach(add);
    const head = `GET ${target} HTTP/1.1\r\nhost: nginx.example.com\r\n${fields}${FORWARDED}`;
    take(turn++ % servers.length).enqueue(waiting, head);
  })
  .listen('127.0.0.1', port!, () => {});
process.once('SIGTERM', () => process.exit(0));
