/**
 * Who listens on a port that is wanted, for the message that says that it is taken. Linux tells: the socket's inode in
 * /proc/net/tcp and tcp6 (proc(5)), and whose descriptor it is below /proc/PID/fd, as far as we may look there.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

const LISTENING = '0A';
const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'];
const SOCKET = /^socket:\[(\d+)\]$/;
/** How tsuji is run, wherever it lies: a program of that name, or Node with a script of it. */
const TSUJI = /(?:^|\/)tsuji(?:[-/.]|$)/;
const NODE = /^(?:node|nodejs|tsuji)\b/;
/** Parts of a command line that may be the program or its script. */
const LOOKED_AT = 4;

/** Inodes of sockets that listen on `port`, out of the text of such a table. */
export function listeningInodes(table: string, port: number): string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes: string[] = [];
  // Number, local address, remote one, state, queues, timer, retransmits, user, timeout, inode.
  for (const line of table.split('\n').slice(1)) {
    const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/);
    if (state === LISTENING && local.endsWith(`:${wanted}`)) inodes.push(inode);
  }
  return inodes;
}

function readOr<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

function holds(pid: string, inodes: ReadonlySet<string>): boolean {
  const folder = `/proc/${pid}/fd`;
  return readOr(() => readdirSync(folder), []).some((fd) => {
    const inode = SOCKET.exec(readOr(() => readlinkSync(`${folder}/${fd}`), ''))?.[1];
    return inode !== undefined && inodes.has(inode);
  });
}

/** `words`: of a command line. A folder of that name makes no tsuji of another program. */
export function isTsuji(words: readonly string[]): boolean {
  if (!NODE.test(basename(words[0]))) return false;
  return words.slice(0, LOOKED_AT).some((word) => word === process.argv[1] || TSUJI.test(word));
}

/** `another tsuji (process 12)`, `nginx (process 12)`; `another process` where nobody says. */
export function portOwner(port: number): string {
  const inodes = new Set(
    TABLES.flatMap((table) =>
      listeningInodes(
        readOr(() => readFileSync(table, 'utf8'), ''),
        port,
      ),
    ),
  );
  const processes = readOr(() => readdirSync('/proc'), []).filter((name) => /^\d+$/.test(name));
  // Others may have the same port at another address.
  if (inodes.size > 0 && holds(String(process.pid), inodes)) return 'this process itself';
  const pid = inodes.size === 0 ? undefined : processes.find((one) => holds(one, inodes));
  if (pid === undefined) return 'another process';
  const words = readOr(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8'), '').split('\0');
  return `${isTsuji(words) ? 'another tsuji' : basename(words[0]) || 'another process'} (process ${pid})`;
}
