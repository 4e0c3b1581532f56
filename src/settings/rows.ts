/**
 * The settings table: one row per flag, from which parsing, defaults, environment variables and `--help` all come.
 * Names and defaults are those of Traefik 1.7 (shared/spec cli-api §2); `tsuji` rows are our own.
 */
import { LATER_ROWS } from './later-rows.ts';
import { type Row, rows } from './row.ts';

const ROWS_IN_FORCE: readonly Row[] = [
  rows(
    'Global',
    'now',
    `
      entryPoints                   entrypoint  Name:http Address::80  An address to listen on; repeat the flag for more
      defaultEntryPoints            list        http                   Entrypoints of the frontends that name none
      configFile                    string      -                      A traefik.toml with any of these settings, or its folder; flags win over it
      logLevel                      string      INFO                   DEBUG, INFO, WARN, ERROR, FATAL or PANIC
      debug                         boolean     false                  Log level DEBUG, unless --logLevel is given
      workers                       integer     -                      Worker threads that serve requests; without it, one per available CPU
      providersThrottleDuration     duration    0                      Least time between two configurations; 0: apply changes at once
      maxIdleConnsPerHost           integer     200                    Idle connections kept to each server; 0 means 2
      insecureSkipVerify            boolean     false                  Accept any certificate of https:// servers
      rootCAs                       list        -                      Authorities to trust for them, instead of the system's: PEM files or PEM texts
      upstream.pipelining           integer     1                      Requests in flight per connection to a server (see README); 1: none
      limits.fields                 integer     100                    Fields in the head of a request; more are refused with 431
      limits.connections            integer     0                      Connections of clients per entrypoint and worker; 0: no limit
      limits.connectionsPerAddress  integer     0                      The same of one address, or of one /64 of IPv6; Engine:tsuji
      limits.workerHeap             integer     0                      MiB of JavaScript heap per worker; 0: half of the memory for all of them
      limits.workerBuffers          integer     256                    MiB that may wait in a worker for slow peers; 0: no limit
      limits.connectionBuffers      integer     64                     MiB that may wait for one request or WebSocket; 0: no limit
      buffering.dir                 string      -                      Folder for what of buffered bodies is beyond their memory; without it, that of temporary files
      buffering.maxDisk             integer     1024                   MiB that they may take there, on this node; 0: no limit
      allowMinWeightZero            boolean     false                  Let a server weight of 0 mean "no requests"
      keepTrailingSlash             boolean     false                  Keep a trailing slash when rules are matched
      requestId                     string      on                     X-Request-Id: on gives every request one, pass keeps a client's, off leaves it alone
      constraints                   list        -                      Use only servers whose tags meet all of these: tag==glob, tag!=glob
    `,
  ),
  rows(
    'Global',
    'silent',
    `
      checkNewVersion     boolean  true   Accepted and ignored: tsuji never phones home
      sendAnonymousUsage  boolean  false  Accepted and ignored: tsuji never phones home
    `,
  ),
  rows(
    'Where the routes come from',
    'now',
    `
      etcd                         section  false           Follow an etcd, v2 and v3 keys alike
      etcd.endpoint                list     127.0.0.1:2379  Members of the cluster, host:port; https:// switches TLS on
      etcd.prefix                  string   /traefik        The folder of the keys
      etcd.watch                   boolean  true            Follow changes; false: read once
      etcd.useAPIV3                boolean  false           Keys of the v3 API only
      etcd.constraints             list     -               More of --constraints
      snapshot                     string   -               File that keeps the keys of etcd over a restart; off: none; without it, snapshot in $STATE_DIRECTORY
      history.maxDisk              integer  64              MiB for earlier states of the keys, beside the snapshot; 0: none
      guard.removal                string   -               Hold changes that take away more than this share of the frontends at once (50%), or the last server of a busy backend
      guard.grace                  duration  60s             How long they are held
      guard.suspect                duration  5m              How long a server whose lease ran out is kept as a last resort while it serves; 0: not at all
      etcd.username                string   -               User of etcd
      etcd.password                string   -               Password of that user
      etcd.tls                     section  false           Connect with TLS
      etcd.tls.ca                  string   -               Authorities to trust, instead of Node's: a PEM file or PEM text
      etcd.tls.cert                string   -               Client certificate: a PEM file or PEM text
      etcd.tls.key                 string   -               Key of the client certificate: a PEM file or PEM text
      etcd.tls.insecureSkipVerify  boolean  false           Accept any certificate of etcd
      folder                       string   -               Follow a folder: path = key, content = value
    `,
  ),
  rows(
    'Where the routes come from',
    'silent',
    `
      etcd.tls.caOptional   boolean  false  Accepted and ignored: it means nothing to a client
      etcd.templateVersion  integer  0      Accepted and ignored, as in Traefik
    `,
  ),
  rows(
    'TLS',
    'now',
    `
      tls.ticketKeys  string   local  Keys of session tickets: local, or etcd to share them between nodes
      tls.ocsp        boolean  false  Ask the responders of certificates for OCSP responses and staple them
    `,
  ),
  rows(
    'Timeouts, retry, life cycle',
    'now',
    `
      retry                                     section   false  Try another server when one cannot be reached
      retry.attempts                            integer   0      Tries in all; 0: as many as the backend has servers
      retry.budget                              integer   20     Retries of a backend, in percent of its requests of the last seconds
      retry.minPerSecond                        integer   10     Retries per second that a backend may have besides
      ejection.failures                         integer   5      Refused or broken connections in a row that eject a server; 0: never
      ejection.time                             duration  1s     Until an ejected server is tried again; doubles each time that fails
      ejection.maxTime                          duration  30s    The longest that this grows to
      forwardingTimeouts.dialTimeout            duration  30s    To connect to a server
      forwardingTimeouts.responseHeaderTimeout  duration  0      Until a server answers; 0: no limit
      healthCheck.interval                      duration  30s    Between two checks of a server, for backends that do not say
      respondingTimeouts.headerTimeout          duration  10s    For a whole request head, TLS included; 0: no limit
      respondingTimeouts.uploadTimeout          duration  180s   For the next 1 KiB of an awaited body; 0: no limit
      respondingTimeouts.downloadTimeout        duration  60s    For a client to take the next 1 KiB; 0: no limit
      respondingTimeouts.readTimeout            duration  0      For a request to come, body included; 0: no limit
      respondingTimeouts.writeTimeout           duration  0      From a request to the end of its response; 0: no limit
      respondingTimeouts.idleTimeout            duration  180s   For a client to say something, with Engine:tsuji; uws: 32 s
      idleTimeout                               duration  0      Older name of --respondingTimeouts.idleTimeout; wins when above 0
      lifeCycle.requestAcceptGraceTimeout       duration  0      Keep accepting for so long after SIGTERM
      lifeCycle.graceTimeOut                    duration  10s    Let running requests finish for so long after that
      lifeCycle.successorTimeout                duration  60s    For a successor (SIGUSR2) to serve; then it is ended; 0: no limit
      graceTimeOut                              duration  0      Older name of --lifeCycle.graceTimeOut; wins when above 0
    `,
  ),
  rows(
    'Timeouts, retry, life cycle',
    'silent',
    `
      forwardingTimeouts  section  false  Accepted and ignored: only its flags count
      respondingTimeouts  section  false  Accepted and ignored: only its flags count
      lifeCycle           section  false  Accepted and ignored: only its flags count
      healthCheck         section  false  Accepted and ignored: only its flags count
    `,
  ),
  rows(
    'Dashboard, API, ping, metrics',
    'now',
    `
      web                             section  false    Serve /dashboard/, /api, /health, /ping and /metrics
      web.address                     string   -        Address of these pages; without it, that of their entrypoint or --admin.defaultAddress
      admin.defaultAddress            string   127.0.0.1:8080  Where nothing else says their address; the container image says :8080
      web.path                        string   /        Path below which they are served
      web.hosts                       list     -        More names by which browsers may ask for them: lb.example.com, .example.com, *
      web.history                     string   64MB     Memory for what the dashboard's charts show of the past, e.g. 128MB; 0: none
      web.tail                        string   on       Live requests: on, full (with values of queries), or off
      web.certFile                    string   -        Certificate of --web.address: a PEM file or PEM text
      web.keyFile                     string   -        Key of that certificate: a PEM file or PEM text
      api                             section  false    The same as --web
      api.entryPoint                  string   traefik  Entrypoint of these pages, with its protections; it serves nothing else
      api.dashboard                   boolean  true     Serve the dashboard
      ping                            section  false    Serve /ping, and nothing else unless --web, --api or --metrics ask for it
      ping.entryPoint                 string   traefik  As --api.entryPoint, and the same one
      metrics.prometheus              section  false    Serve /metrics and /ping
      metrics.prometheus.entryPoint   string   traefik  As --api.entryPoint, and the same one
      metrics.prometheus.names        string   3        Names of Traefik's series: of its version 3, 1.7, or both
      metrics.prometheus.buckets      list     -        Upper bounds of the duration buckets, seconds; without it 12 from 0.001 to 10
      metrics.prometheus.addEntryPointsLabels  boolean  true   Series of entrypoints
      metrics.prometheus.addServicesLabels     boolean  true   Series of backends
      metrics.prometheus.addRoutersLabels      boolean  false  Series of frontends
      metrics.prometheus.providerSuffix        string   -      Behind their names, such as @etcd
      metrics.prometheus.headerLabels.*        string   -      LABEL=HEADER: a label of requests_total with values of that header
      metrics.prometheus.maxServers            integer  5000   Servers with series of their own; the others share one
      web.metrics.prometheus          section  false    The same as --web
      web.metrics.prometheus.buckets  list     -        Older name of --metrics.prometheus.buckets
    `,
  ),
  rows(
    'Dashboard, API, ping, metrics',
    'silent',
    `
      metrics       section  false  Accepted and ignored: does nothing without --metrics.prometheus
      web.readOnly  boolean  false  Accepted and ignored: nothing can be written
    `,
  ),
  rows(
    'Logs',
    'now',
    `
      traefikLog.filePath  string   -       File that the log is appended to, instead of standard output; SIGUSR1 makes it anew
      traefikLog.format    string   common  common, which is key=value, or json
      traefikLog.color     boolean  false   Colours, for a terminal
      traefikLogsFile      string   -       Older name of --traefikLog.filePath, which wins
    `,
  ),
  rows(
    'Access log',
    'now',
    `
      accessLog                                     section   false   Write a line for each request (see docs/logs.md)
      accessLog.filePath                            string    -       File that they are appended to, instead of standard output; SIGUSR1 opens it anew
      accessLog.format                              string    common  common, genericCLF, extended or json
      accessLog.names                               string    1.7     Names and forms of Traefik 1.7, or of 3
      accessLog.bufferingSize                       integer   0       Lines that may wait in one worker; 0: 8192. More are dropped and counted
      accessLog.filters                             section   false   Switches the access log on: its filters do the rest
      accessLog.filters.statusCodes                 list      -       Only these statuses or ranges: 404,500-599
      accessLog.filters.retryAttempts               boolean   false   Only requests that were retried
      accessLog.filters.minDuration                 duration  0       Only requests that took longer; with several filters one is enough
      accessLog.fields                              section   false   Switches the access log on: its fields do the rest
      accessLog.fields.defaultMode                  string    keep    keep or drop all fields that names does not name
      accessLog.fields.names                        string    -       Field=keep|drop, blank-separated
      accessLog.fields.headers                      section   false   Switches the access log on: its header fields do the rest
      accessLog.fields.headers.defaultMode          string    -       keep, drop or redact; without it keep, with names=3 drop
      accessLog.fields.headers.names                string    -       Header=keep|drop|redact, blank-separated
      accessLog.fields.queryParameters              section   false   Switches the access log on: its mode does the rest
      accessLog.fields.queryParameters.defaultMode  string    keep    keep or drop what stands behind the ? of a target
      accessLog.addInternals                        boolean   false   Requests to the admin address have lines as well
      accessLog.extras                              boolean   true    Our own fields in JSON
      accessLog.sampling                            string    1       Share of the uneventful lines, 0 to 1
      accessLog.syslog                              string    -       Syslog server instead of a file: udp://HOST:514 or tcp://HOST:601
      accessLog.syslog.facility                     string    local0  Its facility
      accessLogsFile                                string    -       Older name of --accessLog.filePath, which wins
    `,
  ),
  rows(
    'Logs',
    'silent',
    `
      traefikLog  section  false  Accepted and ignored: only its flags count
    `,
  ),
  rows(
    'Traces',
    'now',
    `
      tracing                                   section  false         Send traces to a collector by OTLP/HTTP
      tracing.serviceName                       string   traefik       Name of this service there
      tracing.otlp                              section  false         The same as --tracing
      tracing.otlp.http                         section  false         The same as --tracing
      tracing.otlp.http.endpoint                string   http://localhost:4318/v1/traces  The collector
      tracing.otlp.http.headers                 list     -             Headers for it, name=value; also --tracing.otlp.http.headers.NAME
      tracing.otlp.http.headers.*               string   -             One of them
      tracing.otlp.http.encoding                string   protobuf      protobuf or json
      tracing.otlp.http.tls                     section  false         Accepted: https:// of the endpoint switches TLS on
      tracing.otlp.http.tls.ca                  string   -             Authorities to trust, instead of Node's: a PEM file or PEM text
      tracing.otlp.http.tls.cert                string   -             Client certificate: a PEM file or PEM text
      tracing.otlp.http.tls.key                 string   -             Key of the client certificate: a PEM file or PEM text
      tracing.otlp.http.tls.insecureSkipVerify  boolean  false         Accept any certificate of the collector
      tracing.sampleRate                        string   1.0           Share of the new traces that are kept, 0 to 1; a client's decision counts more
      tracing.maxPerSecond                      integer  500           New traces that are kept in a second, of this node; 0: no bound
      tracing.propagation                       list     tracecontext  Fields that are read and written: tracecontext, b3, b3multi, baggage
      tracing.trust                             string   forwarded     Whose traces go on: forwarded as X-Forwarded-*, all, none
      tracing.response                          boolean  false         Tell clients of their trace: traceresponse
      tracing.capturedRequestHeaders            list     -             Headers of requests that spans have
      tracing.capturedResponseHeaders           list     -             Headers of responses that spans have
      tracing.safeQueryParams                   list     -             Parameters of a query whose values spans have
      tracing.resourceAttributes                list     -             Attributes of this node, name=value; also --tracing.resourceAttributes.NAME
      tracing.resourceAttributes.*              string   -             One of them
      tracing.spanNameLimit                     integer  0             Characters of a span's name; 0: all
      tracing.backend                           string   -             Of 1.7: zipkin adds b3multi; for all of them spans go by OTLP
    `,
  ),
].flat();

/** Groups in the order of `--help`; in each the rows that work come first. */
export const ROWS: readonly Row[] = [...ROWS_IN_FORCE, ...LATER_ROWS];

export const SHORT_NAMES: ReadonlyMap<string, string> = new Map([
  ['c', 'configFile'],
  ['d', 'debug'],
  ['g', 'graceTimeOut'],
  ['l', 'logLevel'],
]);

const ROWS_BY_NAME: ReadonlyMap<string, Row> = new Map(ROWS.map((row) => [row.name.toLowerCase(), row]));
const FAMILIES = ROWS.filter((row) => row.name.endsWith('.*'));

/** The row of a flag, in any case; undefined when there is none. */
export function findRow(name: string): Row | undefined {
  const wanted = name.toLowerCase();
  const exact = ROWS_BY_NAME.get(wanted);
  if (exact !== undefined) return exact;
  return FAMILIES.find((row) => `${wanted}.`.startsWith(row.name.slice(0, -1).toLowerCase()));
}
