/** `passtlscert`: the entrypoint's certificate for servers that ask for one (shared/spec kv-schema §5.1). Traefik gave it up, and we never had it. */
import { type Kind, REJECTED } from './kind.ts';

const KEY = 'passtlscert';

export const PASS_TLS_CERT: Kind<object> = {
  name: 'passTLSCert',
  keys: [KEY],

  parse(keys) {
    if (!keys.flag(KEY)) return null;
    keys.rejected(
      KEY,
      'not offered: write backends/B/tls/certfile and backends/B/tls/keyfile, a certificate for the servers of a backend',
    );
    return REJECTED;
  },

  show() {
    return {};
  },
};
