/** The flags of Traefik 1.7 that are understood but do nothing yet (shared/spec cli-api §2). */
import { type Row, rows } from './row.ts';

export const LATER_ROWS: readonly Row[] = [
  rows(
    'Global',
    'later',
    `
      cluster.*  any  -  Several nodes as one
    `,
  ),
  rows(
    'Where the routes come from',
    'later',
    `
      etcd.filename                   string   -      Template of the configuration
      etcd.trace                      boolean  false  Log each step of the provider
      etcd.debugLogGeneratedTemplate  boolean  false  Log what the template gave
    `,
  ),
  rows(
    'Dashboard, API, ping, metrics',
    'later',
    `
      api.statistics               section  false    Collect recent errors
      api.statistics.recentErrors  integer  10       How many recent errors to keep
      rest                         section  false    Accept configurations by PUT
      rest.entryPoint              string   traefik  Entrypoint of that
      web.statistics               section  false    Collect recent errors
      web.statistics.recentErrors  integer  10       How many recent errors to keep
      web.metrics.*                any      -        Older names of --metrics.*
      metrics.datadog.*            any      -        Send metrics to Datadog
      metrics.statsd.*             any      -        Send metrics to StatsD
      metrics.influxdb.*           any      -        Send metrics to InfluxDB
    `,
  ),
  rows(
    'Others',
    'later',
    `
      hostResolver                  section  false             Resolve names of servers
      hostResolver.cnameFlattening  boolean  false             Follow CNAMEs when matching hosts
      hostResolver.resolvConfig     string   /etc/resolv.conf  File with the name servers
      hostResolver.resolvDepth      integer  5                 How many CNAMEs to follow
      tracing.zipkin.*              any      -                 Zipkin of 1.7: spans go by OTLP
      tracing.jaeger.*              any      -                 Jaeger of 1.7: spans go by OTLP
      tracing.datadog.*             any      -                 Datadog of 1.7: spans go by OTLP
      acme.*                        any      -                 Fetch certificates by ACME
    `,
  ),
].flat();
