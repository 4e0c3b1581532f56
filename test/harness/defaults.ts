/** Settings and options as they are where nobody says anything, for tests to say what they want instead. */
import type { EntryPointTls } from '../../src/kernel/entrypoint-options.ts';
import type { CompressOptions } from '../../src/middlewares/compress.ts';
import type { EtcdSettings } from '../../src/settings/settings.ts';

export function etcdSettings(endpoints: readonly string[], fields: Partial<EtcdSettings> = {}): EtcdSettings {
  return {
    endpoints,
    prefix: '/traefik',
    useApiV3: false,
    watch: true,
    username: '',
    password: '',
    tls: null,
    ...fields,
  };
}

export const TLS_DEFAULTS: EntryPointTls = {
  certificates: [],
  minVersion: 'TLSv1.2',
  cipherSuites: [],
  sniStrict: false,
  defaultCertificate: null,
  clientCA: null,
};

/** Of a frontend with `compress=true`. */
export const COMPRESS_DEFAULTS: CompressOptions = {
  enabled: true,
  encodings: ['gzip', 'br', 'zstd'],
  minResponseBodyBytes: 1_024,
  contentTypes: [],
  excludedContentTypes: null,
  defaultEncoding: null,
  levels: { gzip: 6, br: 4, zstd: 3 },
  skipCookies: false,
};

/** Of a `ModelBuilder` with one entrypoint. */
export const MODEL_DEFAULTS = {
  prefix: '/traefik',
  entryPoints: ['http'],
  defaultEntryPoints: ['http'],
  allowMinWeightZero: false,
};
