/**
 * Compares a password with its hash: runs in a piscina thread, since that takes up to a second by design. The thread gets
 * what nobody else wants of the processor, so that those who wait for a page do not feel it.
 */
import { timingSafeEqual } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import bcrypt from 'bcryptjs';
import { hashKind, isSha1Password } from '../../kernel/password-hash.ts';
import { md5Crypt, shaCrypt } from './crypt.ts';

export type PasswordCheck = { readonly password: string; readonly hash: string };

/** The number of this thread, as Linux has it: a priority belongs to a thread there. */
function beNice(): void {
  try {
    const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    if (Number.isInteger(thread)) setPriority(thread, constants.priority.PRIORITY_LOW);
  } catch {
    // Elsewhere than on Linux all threads are equal.
  }
}

beNice();

function isEqual(one: string | null, other: string): boolean {
  if (one === null) return false;
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

export default async function checkPassword({ password, hash }: PasswordCheck): Promise<boolean> {
  switch (hashKind(hash)) {
    case 'sha1':
      return isSha1Password(password, hash);
    case 'bcrypt':
      // `$2x$` was written by a broken implementation; for passwords of ASCII it is the same.
      return bcrypt.compareSync(password, hash.replace(/^\$2x\$/, '$2a$'));
    case 'shacrypt':
      return isEqual(shaCrypt(password, hash), hash);
    case 'md5crypt': {
      const [, magic, salt] = hash.split('$');
      return isEqual(md5Crypt(password, magic, salt), hash);
    }
    default:
      return false;
  }
}
