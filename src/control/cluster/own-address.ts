/** The address from which this host reaches another one. */
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';

/** `endpoint`: `host:port`. Nothing is sent: the system only says which way it would go. '' when it does not know. */
export function addressTowards(endpoint: string): Promise<string> {
  const colon = endpoint.lastIndexOf(':');
  const host = endpoint.slice(0, colon).replace(/^\[|\]$/g, '');
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  return new Promise((resolve) => {
    const end = (address: string): void => {
      socket.close();
      resolve(address);
    };
    socket.on('error', () => end(''));
    socket.connect(Number(endpoint.slice(colon + 1)), host, () => end(socket.address().address));
  });
}
