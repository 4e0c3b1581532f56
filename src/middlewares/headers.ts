/**
 * The keys `headers/…` of a frontend but for those of CORS: fields that are set or taken off, and what browsers are told
 * for their users' safety (shared/spec kv-schema §6.8, §6.9, frontend-options §2.4, §3.11).
 */
import { type FieldValue, readFieldNames, readFields, readFieldValue, shownFields } from './header-keys.ts';
import type { Kind } from './kind.ts';
import type { OptionKeys } from './option-keys.ts';

export type HeadersOptions = {
  /** '' takes the field off. */
  readonly customRequestHeaders: readonly FieldValue[];
  /** '' takes the field off. */
  readonly customResponseHeaders: readonly FieldValue[];
  readonly addResponseHeaders: readonly FieldValue[];
  readonly removeResponseHeaders: readonly string[];
  /** Lower case; empty: every host. */
  readonly allowedHosts: readonly string[];
  readonly hostsProxyHeaders: readonly string[];
  /** A request with one of these pairs counts as one by TLS. */
  readonly sslProxyHeaders: readonly FieldValue[];
  readonly sslRedirect: boolean;
  readonly sslTemporaryRedirect: boolean;
  readonly sslHost: string;
  readonly sslForceHost: boolean;
  readonly stsSeconds: number;
  readonly stsIncludeSubdomains: boolean;
  readonly stsPreload: boolean;
  readonly forceSTSHeader: boolean;
  readonly isDevelopment: boolean;
  /** Set on responses as they are. */
  readonly fixed: readonly FieldValue[];
  /** With `$NONCE` in it. */
  readonly contentSecurityPolicy: string;
  readonly contentSecurityPolicyReportOnly: string;
  readonly publicKey: string;
  /** The server is told the nonce as well, as X-Csp-Nonce. */
  readonly nonceToServer: boolean;
  /** All that is set on responses is set on those of tsuji for this frontend as well. */
  readonly onLocalReplies: boolean;
  /** Of the texts above, as `/api` names them. */
  readonly shown: Readonly<Record<string, string | boolean>>;
};

/** Key, name in `/api`. */
const FLAGS = [
  ['sslredirect', 'sslRedirect'],
  ['ssltemporaryredirect', 'sslTemporaryRedirect'],
  ['sslforcehost', 'sslForceHost'],
  ['stsincludesubdomains', 'stsIncludeSubdomains'],
  ['stspreload', 'stsPreload'],
  ['forcestsheader', 'forceSTSHeader'],
  ['isdevelopment', 'isDevelopment'],
  ['noncetoserver', 'nonceToServer'],
  ['onlocalreplies', 'onLocalReplies'],
  ['framedeny', 'frameDeny'],
  ['contenttypenosniff', 'contentTypeNosniff'],
  ['browserxssfilter', 'browserXssFilter'],
  ['hostheader', 'hostHeader'],
] as const;
/** Key, name in `/api`, field that it becomes; '' where more is to it. */
const TEXTS = [
  ['sslhost', 'sslHost', ''],
  ['customframeoptionsvalue', 'customFrameOptionsValue', 'X-Frame-Options'],
  ['custombrowserxssvalue', 'customBrowserXSSValue', 'X-XSS-Protection'],
  ['referrerpolicy', 'referrerPolicy', 'Referrer-Policy'],
  ['permissionspolicy', 'permissionsPolicy', 'Permissions-Policy'],
  ['featurepolicy', 'featurePolicy', 'Feature-Policy'],
  ['crossoriginopenerpolicy', 'crossOriginOpenerPolicy', 'Cross-Origin-Opener-Policy'],
  ['crossoriginembedderpolicy', 'crossOriginEmbedderPolicy', 'Cross-Origin-Embedder-Policy'],
  ['crossoriginresourcepolicy', 'crossOriginResourcePolicy', 'Cross-Origin-Resource-Policy'],
  ['contentsecuritypolicy', 'contentSecurityPolicy', ''],
  ['contentsecuritypolicyreportonly', 'contentSecurityPolicyReportOnly', ''],
  ['publickey', 'publicKey', ''],
] as const;
const MAPS = ['customrequestheaders', 'customresponseheaders', 'addresponseheaders', 'sslproxyheaders'];
const LISTS = ['allowedhosts', 'hostsproxyheaders', 'removeresponseheaders'];

const NOT_IN_RESPONSES: ReadonlySet<string> = new Set(['Host']);
const HOST: ReadonlySet<string> = new Set(['Host']);

/** What one flag or text says of a field, later ones first. */
function fixedFields(flags: Record<string, boolean>, texts: Record<string, string>): FieldValue[] {
  const fields = new Map<string, string>();
  if (flags.frameDeny) fields.set('X-Frame-Options', 'DENY');
  if (flags.contentTypeNosniff) fields.set('X-Content-Type-Options', 'nosniff');
  if (flags.browserXssFilter) fields.set('X-XSS-Protection', '1; mode=block');
  for (const [, name, field] of TEXTS) if (field !== '' && texts[name] !== '') fields.set(field, texts[name]);
  return [...fields];
}

function readStsSeconds(keys: OptionKeys): number {
  const seconds = keys.int('headers/stsseconds', 0);
  if (seconds >= 0) return seconds;
  keys.ignored('headers/stsseconds', 'it is below 0; nothing is sent');
  return 0;
}

function readSslProxyHeaders(keys: OptionKeys): FieldValue[] {
  return readFields(keys, 'headers/sslproxyheaders').filter(([name, value]) => {
    if (value !== '') return true;
    keys.ignored(`headers/sslproxyheaders/${name}`, 'with an empty value every request without it would count as TLS');
    return false;
  });
}

export const HEADERS: Kind<HeadersOptions> = {
  name: 'headers',
  // The rest decorates.
  protects: ['headers/allowedhosts'],
  keys: [
    ...MAPS.map((name) => `headers/${name}/*`),
    ...LISTS.flatMap((name) => [`headers/${name}`, `headers/${name}/*`]),
    ...[...FLAGS, ...TEXTS].map(([key]) => `headers/${key}`),
    'headers/stsseconds',
  ],

  parse(keys) {
    const flags = Object.fromEntries(FLAGS.map(([key, name]) => [name, keys.flag(`headers/${key}`)]));
    const texts = Object.fromEntries(TEXTS.map(([key, name]) => [name, readFieldValue(keys, `headers/${key}`)]));
    const allowedHosts = keys.filledList('headers/allowedhosts').map((host) => host.toLowerCase());
    if (texts.publicKey !== '') keys.warned('headers/publickey', 'browsers ignore Public-Key-Pins today');
    if (flags.sslTemporaryRedirect && !flags.sslRedirect && !flags.sslForceHost) {
      keys.ignored('headers/ssltemporaryredirect', 'it does nothing without headers/sslredirect');
    }
    return {
      customRequestHeaders: readFields(keys, 'headers/customrequestheaders', flags.hostHeader ? new Set() : HOST),
      customResponseHeaders: readFields(keys, 'headers/customresponseheaders', NOT_IN_RESPONSES),
      addResponseHeaders: readFields(keys, 'headers/addresponseheaders', NOT_IN_RESPONSES),
      removeResponseHeaders: readFieldNames(keys, 'headers/removeresponseheaders'),
      allowedHosts,
      hostsProxyHeaders: readFieldNames(keys, 'headers/hostsproxyheaders'),
      sslProxyHeaders: readSslProxyHeaders(keys),
      sslRedirect: flags.sslRedirect,
      sslTemporaryRedirect: flags.sslTemporaryRedirect,
      sslHost: texts.sslHost,
      sslForceHost: flags.sslForceHost,
      stsSeconds: readStsSeconds(keys),
      stsIncludeSubdomains: flags.stsIncludeSubdomains,
      stsPreload: flags.stsPreload,
      forceSTSHeader: flags.forceSTSHeader,
      isDevelopment: flags.isDevelopment,
      fixed: fixedFields(flags, texts),
      contentSecurityPolicy: texts.contentSecurityPolicy,
      contentSecurityPolicyReportOnly: texts.contentSecurityPolicyReportOnly,
      publicKey: texts.publicKey,
      nonceToServer: flags.nonceToServer,
      onLocalReplies: flags.onLocalReplies,
      shown: Object.fromEntries([...Object.entries(flags), ...Object.entries(texts)].filter(([, value]) => value)),
    };
  },

  show(options) {
    const lists = {
      customRequestHeaders: shownFields(options.customRequestHeaders),
      customResponseHeaders: shownFields(options.customResponseHeaders),
      addResponseHeaders: shownFields(options.addResponseHeaders),
      removeResponseHeaders: options.removeResponseHeaders,
      allowedHosts: options.allowedHosts,
      hostsProxyHeaders: options.hostsProxyHeaders,
      sslProxyHeaders: shownFields(options.sslProxyHeaders),
    };
    const filled = Object.entries(lists).filter(([, value]) => Object.keys(value).length > 0);
    const { stsSeconds, shown } = options;
    return { ...Object.fromEntries(filled), ...shown, ...(stsSeconds !== 0 && { stsSeconds }) };
  },
};
