/** Where Traefik 1.7 takes routes from besides: what is set for such a provider means nothing here, and is ignored. */

const OTHER_PROVIDERS: ReadonlySet<string> = new Set(
  [
    'boltdb consul consulcatalog docker dynamodb ecs eureka file kubernetes marathon mesos rancher servicefabric',
    'zookeeper',
  ].flatMap((names) => names.split(' ')),
);

/** '' when `name` is no such provider. */
export function otherProviderNotice(name: string): string {
  if (!OTHER_PROVIDERS.has(name.toLowerCase())) return '';
  return 'it is ignored: routes come from etcd (--etcd) or a folder (--folder); Docker, Marathon, Consul and all other providers of Traefik are not built';
}
