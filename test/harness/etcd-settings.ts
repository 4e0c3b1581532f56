/** The etcd settings of a test: those of the command line's defaults, with what the test wants instead. */
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
