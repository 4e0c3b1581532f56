/**
 * How many bytes of a response wait in uWebSockets (20.57), which tells it of WebSockets only. A response lies on its
 * socket as a WebSocket does, what waits stands at the same place for both, and uWS does not look at whose method it is
 * (`uws-websocket.ts` borrows two the other way round). So the method of a WebSocket is borrowed; one is opened for it,
 * of a worker to itself. With and without TLS that place is another one, and so is the method.
 */
import { generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import { withPemFiles } from '../tls/pem-files.ts';
import { ownConnection } from './own-connection.ts';
import type { HttpResponse, TemplatedApp, Uws } from './uws.ts';

/** Bytes of the response that was called on which uWS has not sent. */
export type Backlog = (this: HttpResponse) => number;

const UPGRADE =
  'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';

/** @throws TsujiError NO_OWN_CONNECTION, NO_KEY_FILE */
export async function findBacklog(uws: Uws, secure: boolean): Promise<Backlog> {
  const app = secure ? secureApp(uws) : uws.App();
  try {
    const { found, socket } = await ownConnection<Backlog>(uws, app, {
      fields: UPGRADE,
      secure,
      serve: (own, path, tell) => own.ws(path, { open: (ws) => tell(ws.getBufferedAmount as unknown as Backlog) }),
    });
    socket.destroy();
    return found;
  } finally {
    app.close();
  }
}

function secureApp(uws: Uws): TemplatedApp {
  return withPemFiles(makePair(), (cert_file_name, key_file_name) => uws.SSLApp({ cert_file_name, key_file_name }));
}

/** A tag of ASN.1 in DER, with what it holds. */
function der(tag: number, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  // As short as can be, or it is not DER; nothing here has more than 65 535 bytes.
  const [high, low] = [body.length >> 8, body.length & 0xff];
  const length = high > 0 ? [0x82, high, low] : low > 127 ? [0x81, low] : [low];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OBJECT_ID = 0x06;
const UTC_TIME = 0x17;
const SEQUENCE = 0x30;

/** A certificate of nobody, which nobody verifies: TLS wants one (RFC 5280 §4.1). */
function makePair(): { cert: Uint8Array; key: Uint8Array } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const ecdsaWithSha256 = der(SEQUENCE, der(OBJECT_ID, Buffer.from('2a8648ce3d040302', 'hex')));
  const nobody = der(SEQUENCE);
  const validity = der(
    SEQUENCE,
    der(UTC_TIME, Buffer.from('000101000000Z')),
    der(UTC_TIME, Buffer.from('491231235959Z')),
  );
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const unsigned = der(SEQUENCE, der(INTEGER, Buffer.from([1])), ecdsaWithSha256, nobody, validity, nobody, spki);
  const signature = der(BIT_STRING, Buffer.from([0]), sign('sha256', unsigned, privateKey));
  return {
    cert: Buffer.from(new X509Certificate(der(SEQUENCE, unsigned, ecdsaWithSha256, signature)).toString()),
    key: Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' })),
  };
}
