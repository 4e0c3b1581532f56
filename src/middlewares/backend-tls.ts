/** `backends/B/tls/…`: how tsuji meets the https:// servers of a backend (shared/spec frontend-options §2.8). */
import { isIP } from 'node:net';
import type { OwnTrust } from '../kernel/tls-trust.ts';
import { type Kind, REJECTED } from './kind.ts';
import { readTlsTexts } from './tls-texts.ts';

const NAMES = { ca: 'tls/ca', cert: 'tls/certfile', key: 'tls/keyfile' };
const SERVER_NAME = 'tls/servername';
/** Of a DNS name, RFC 1035 §2.3.4; a wildcard is no name to ask for. */
const NAME = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/i;

export const BACKEND_TLS: Kind<OwnTrust> = {
  name: 'tls',
  keys: [...Object.values(NAMES), SERVER_NAME, 'tls/insecureskipverify'],

  /** What is wrong leaves the backend out: its servers would be met with another trust than they should. */
  parse(keys, known) {
    const texts = readTlsTexts(keys, known, NAMES);
    const serverName = keys.text(SERVER_NAME);
    const isName = serverName === '' || (serverName.length <= 253 && NAME.test(serverName) && isIP(serverName) === 0);
    if (!isName) keys.rejected(SERVER_NAME, 'it is no name of a host');
    const insecureSkipVerify = keys.flag('tls/insecureskipverify');
    if (texts === REJECTED || !isName) return REJECTED;
    return { ...texts, serverName, insecureSkipVerify };
  },

  show({ ca, cert, serverName, insecureSkipVerify }) {
    return { ownCA: ca !== '', ownCertificate: cert !== '', serverName, insecureSkipVerify };
  },
};
