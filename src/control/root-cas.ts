/** The certificates of `--rootCAs`: each item is a PEM file or PEM text, with one certificate or several. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { reasonOf } from '../kernel/errors.ts';
import { EVENTS } from '../kernel/events.ts';
import { log } from '../kernel/log.ts';
import type { Origin } from '../settings/setting-warning.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----/gs;

function refuse(item: string, origin: Origin, reason: string): void {
  log.event(EVENTS.settingRefused, `rootCAs ${item}`, { setting: 'rootCAs', origin, item, reason });
}

/** The PEM text of one item, or '' with an entry in the log. */
function read(item: string, origin: Origin): string {
  try {
    return readFileSync(item, 'utf8');
  } catch (error) {
    if (item.includes('-----BEGIN ')) return item;
    refuse(item, origin, `neither a readable file nor PEM text: ${reasonOf(error)}`);
    return '';
  }
}

function isCertificate(pem: string, item: string, origin: Origin): boolean {
  try {
    new X509Certificate(pem);
    return true;
  } catch (error) {
    refuse(shown(item), origin, `a certificate in it cannot be used: ${reasonOf(error)}`);
    return false;
  }
}

function shown(item: string): string {
  return item.includes('-----BEGIN ') ? 'PEM text' : item;
}

/**
 * PEM texts of one certificate each. What cannot be read is logged and left out, so the list may be empty; nobody is
 * trusted then, for that is what was asked for (shared/spec cli-api §2).
 */
export function loadRootCAs(items: readonly string[], origin: Origin): string[] {
  return items.flatMap((item) => {
    const text = read(item, origin);
    const found = text.match(CERTIFICATE) ?? [];
    if (text !== '' && found.length === 0) refuse(shown(item), origin, 'it holds no certificate');
    return found.filter((pem) => isCertificate(pem, item, origin));
  });
}
