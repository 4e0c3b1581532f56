/**
 * The password hashes of htpasswd and /etc/shadow that need no more than a digest: MD5-crypt under any magic (`$apr1$`, `$1$`)
 * and SHA-crypt (`$5$`, `$6$`). Both are made to be slow, a millisecond and more, so nothing here runs where requests do.
 * Sources: Poul-Henning Kamp's MD5-crypt as in FreeBSD's libcrypt, Ulrich Drepper's "Unix crypt using SHA-256 and SHA-512".
 */
import { createHash } from 'node:crypto';

const ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Three bytes as four characters, the lowest six bits first; fewer with `length`. */
function characters(high: number, middle: number, low: number, length = 4): string {
  let bits = (high << 16) | (middle << 8) | low;
  let text = '';
  for (let i = 0; i < length; i++, bits >>>= 6) text += ALPHABET[bits & 63];
  return text;
}

function digest(algorithm: string, ...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash(algorithm);
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** `bytes` again and again, up to `length` bytes. */
function repeated(bytes: Buffer, length: number): Buffer {
  return Buffer.alloc(length, bytes);
}

const MD5_ROUNDS = 1000;
const MAX_MD5_SALT = 8;

/** The whole hash, `$magic$salt$…`. */
export function md5Crypt(password: string, magic: string, wholeSalt: string): string {
  const key = Buffer.from(password);
  const salt = Buffer.from(wholeSalt.slice(0, MAX_MD5_SALT));
  const inner = digest('md5', key, salt, key);
  const start = createHash('md5').update(key).update(`$${magic}$`).update(salt).update(repeated(inner, key.length));
  // As in the original, where a zero byte stands for the digest that was wiped.
  for (let bits = key.length; bits > 0; bits >>>= 1) start.update((bits & 1) === 1 ? Buffer.of(0) : key.subarray(0, 1));
  let final = start.digest();
  for (let round = 0; round < MD5_ROUNDS; round++) {
    const hash = createHash('md5').update((round & 1) === 1 ? key : final);
    if (round % 3 !== 0) hash.update(salt);
    if (round % 7 !== 0) hash.update(key);
    final = hash.update((round & 1) === 1 ? final : key).digest();
  }
  const groups = [
    [0, 6, 12],
    [1, 7, 13],
    [2, 8, 14],
    [3, 9, 15],
    [4, 10, 5],
  ];
  const text = groups.map(([a, b, c]) => characters(final[a], final[b], final[c])).join('');
  return `$${magic}$${salt}$${text}${characters(0, 0, final[11], 2)}`;
}

const MAX_SHA_SALT = 16;
const DEFAULT_ROUNDS = 5_000;
const LEAST_ROUNDS = 1_000;
const SHA_CRYPT = /^\$([56])\$(?:rounds=(\d{1,9})\$)?([^$]{0,64})\$([./0-9A-Za-z]+)$/;

type ShaCrypt = { readonly kind: '5' | '6'; readonly rounds: number; readonly given: boolean; readonly salt: string };

/** `$5$…` or `$6$…`, taken apart; null for anything else. */
function parseShaCrypt(hash: string): ShaCrypt | null {
  const parts = SHA_CRYPT.exec(hash);
  if (parts === null) return null;
  const rounds = parts[2] === undefined ? DEFAULT_ROUNDS : Math.max(Number(parts[2]), LEAST_ROUNDS);
  return { kind: parts[1] as '5' | '6', rounds, given: parts[2] !== undefined, salt: parts[3].slice(0, MAX_SHA_SALT) };
}

/** The order in which the bytes of the digest are written: three at a time, each group of them moved on by its stride. */
function shaText(kind: '5' | '6', bytes: Buffer): string {
  let text = '';
  if (kind === '5') {
    let [a, b, c] = [0, 10, 20];
    for (let i = 0; i < 10; i++) {
      text += characters(bytes[a], bytes[b], bytes[c]);
      [a, b, c] = [(c + 1) % 30, (a + 1) % 30, (b + 1) % 30];
    }
    return text + characters(0, bytes[31], bytes[30], 3);
  }
  let [a, b, c] = [0, 21, 42];
  for (let i = 0; i < 21; i++) {
    text += characters(bytes[a], bytes[b], bytes[c]);
    [a, b, c] = [(b + 1) % 63, (c + 1) % 63, (a + 1) % 63];
  }
  return text + characters(0, 0, bytes[63], 2);
}

/** The whole hash with the salt and the rounds of another; null when that is no SHA-crypt. */
export function shaCrypt(password: string, like: string): string | null {
  const parsed = parseShaCrypt(like);
  if (parsed === null) return null;
  const { kind, rounds, given } = parsed;
  const algorithm = kind === '5' ? 'sha256' : 'sha512';
  const key = Buffer.from(password);
  const salt = Buffer.from(parsed.salt);
  const b = digest(algorithm, key, salt, key);
  const first = createHash(algorithm).update(key).update(salt).update(repeated(b, key.length));
  for (let bits = key.length; bits > 0; bits >>>= 1) first.update((bits & 1) === 1 ? b : key);
  const a = first.digest();
  const p = repeated(digest(algorithm, ...Array<Buffer>(key.length).fill(key)), key.length);
  const s = repeated(digest(algorithm, ...Array<Buffer>(16 + a[0]).fill(salt)), salt.length);
  let c = a;
  for (let round = 0; round < rounds; round++) {
    const hash = createHash(algorithm).update((round & 1) === 1 ? p : c);
    if (round % 3 !== 0) hash.update(s);
    if (round % 7 !== 0) hash.update(p);
    c = hash.update((round & 1) === 1 ? c : p).digest();
  }
  return `$${kind}$${given ? `rounds=${rounds}$` : ''}${salt}$${shaText(kind, c)}`;
}
