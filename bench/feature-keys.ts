/** What is asked of a frontend in `npm run bench -- features` and in bench/micro/options.ts. */
import { createHash, createHmac } from 'node:crypto';

const SECRET = Buffer.alloc(32, 7);

function token(): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: 'bench', exp: 4_000_000_000 })}`;
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}

/** Of every request, whether the option looks at them or not. */
export const FIELDS = {
  Authorization: `Basic ${Buffer.from('bench:secret').toString('base64')}`,
  'X-Token': token(),
  Origin: 'http://page.example.com',
};

const SHA1 = `{SHA}${createHash('sha1').update('secret').digest('base64')}`;

/** Flags of an access log; `{folder}` is that of the run. */
export const ACCESS_LOGS: readonly (readonly [name: string, flags: readonly string[]])[] = [
  ['access log, common', ['--accessLog.filePath={folder}/access.log']],
  ['access log, JSON', ['--accessLog.filePath={folder}/access.log', '--accessLog.format=json']],
  [
    'access log, JSON without header fields',
    [
      '--accessLog.filePath={folder}/access.log',
      '--accessLog.format=json',
      '--accessLog.fields.headers.defaultMode=drop',
    ],
  ],
  [
    'access log, JSON, names=3',
    ['--accessLog.filePath={folder}/access.log', '--accessLog.format=json', '--accessLog.names=3'],
  ],
];

/** Their keys, below a frontend. The first two ask for nothing. */
export const FEATURES: readonly (readonly [name: string, keys: Readonly<Record<string, string>>])[] = [
  ['nothing', {}],
  ['nothing, once more', {}],
  ['allow list', { 'whitelist/sourcerange': '127.0.0.0/8' }],
  ['custom headers', { 'headers/customrequestheaders/X-A': 'a', 'headers/customresponseheaders/X-B': 'b' }],
  ['security headers', { 'headers/framedeny': 'true', 'headers/contenttypenosniff': 'true' }],
  ['CORS', { 'headers/accesscontrolalloworiginlist': FIELDS.Origin }],
  [
    'rate limit',
    {
      'ratelimit/extractorfunc': 'client.ip',
      'ratelimit/rateset/r/period': '1s',
      'ratelimit/rateset/r/average': '10000000',
      'ratelimit/rateset/r/burst': '10000000',
    },
  ],
  ['basic auth (SHA-1)', { 'auth/basic/users': `bench:${SHA1}` }],
  ['jwt', { 'jwt/secret': SECRET.toString('base64url'), 'jwt/sources': 'header:X-Token' }],
  ['request id', { 'requestid/mode': 'on' }],
  ['limits', { 'limits/maxrequestbodybytes': '1000000', 'limits/maxtargetbytes': '4000' }],
];
