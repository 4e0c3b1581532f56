/** Where Traefik 1.7 takes routes from besides: what is set for such a provider means nothing here, and is ignored. */

const OTHER_PROVIDERS: ReadonlySet<string> = new Set(
  [
    'boltdb consul consulcatalog docker dynamodb ecs eureka file kubernetes marathon mesos rancher servicefabric',
    'zookeeper',
  ].flatMap((names) => names.split(' ')),
);

/** What the provider `file` takes from the file of the settings. */
const DYNAMIC: ReadonlySet<string> = new Set(['backends', 'frontends']);

/** '' when `name` is no such provider. */
export function otherProviderNotice(name: string): string {
  if (DYNAMIC.has(name.toLowerCase())) {
    return 'it is ignored: frontends and backends are keys in etcd (--etcd) or files of a folder (--folder)';
  }
  if (!OTHER_PROVIDERS.has(name.toLowerCase())) return '';
  return 'it is ignored: routes come from etcd (--etcd) or a folder (--folder); Docker, Marathon, Consul and all other providers of Traefik are not built';
}
