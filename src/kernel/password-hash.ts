/** The kinds of password hashes of basic auth, by their text (shared/spec frontend-options §2.1). */
import { hash as digest, timingSafeEqual } from 'node:crypto';

export type HashKind = 'sha1' | 'bcrypt' | 'shacrypt' | 'md5crypt';

const SHA1 = /^\{SHA\}[A-Za-z0-9+/]{27}=$/;
const BCRYPT = /^\$2[abxy]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
const SHA_CRYPT = /^\$[56]\$(?:rounds=(\d{1,9})\$)?[^$]{0,64}\$[./0-9A-Za-z]{43,86}$/;
const MD5_CRYPT = /^\$(?:apr1|1)\$[^$]{0,64}\$[./0-9A-Za-z]{22}$/;

/** Beyond them a check takes longer than anybody waits. */
const MAX_BCRYPT_COST = 16;
const MAX_SHA_ROUNDS = 1_000_000;

/** null: nobody knows how to check it. */
export function hashKind(hash: string): HashKind | null {
  if (SHA1.test(hash)) return 'sha1';
  const bcrypt = BCRYPT.exec(hash);
  if (bcrypt !== null) return Number(bcrypt[1]) <= MAX_BCRYPT_COST ? 'bcrypt' : null;
  const sha = SHA_CRYPT.exec(hash);
  if (sha !== null) return Number(sha[1] ?? 0) <= MAX_SHA_ROUNDS ? 'shacrypt' : null;
  return MD5_CRYPT.test(hash) ? 'md5crypt' : null;
}

/** Of a hash's end, characters of 6 bits: as good as impossible to come by. */
const CHOSEN = 20;

/**
 * A hash that takes as long to compare as this one and that no password has: for names that nobody has. With one that
 * somebody has, a password that was right a moment ago would be refused faster than others, and so be told.
 */
export function nobodysHash(hash: string): string {
  const end = hash.endsWith('=') ? hash.length - 1 : hash.length;
  return hash.slice(0, end - CHOSEN) + 'A'.repeat(CHOSEN) + hash.slice(end);
}

/** Of a hash of the kind `sha1`, the only one that costs nothing to compare. */
export function isSha1Password(password: string, hash: string): boolean {
  const given = Buffer.from(hash.slice('{SHA}'.length), 'base64');
  // Into bytes by way of text: what it costs to have them at once is several times as much.
  const made = Buffer.from(digest('sha1', password, 'base64'), 'base64');
  return given.length === made.length && timingSafeEqual(given, made);
}
