/** The keys `compress/…` of a frontend, and which responses they mean (shared/spec frontend-options §3.10). */
import assert from 'node:assert/strict';
import test from 'node:test';
import { FrontendRules } from '../../../src/data/middlewares/compression-rules.ts';
import { RequestHead } from '../../../src/http/request-head.ts';
import { COMPRESS, type CompressOptions } from '../../../src/middlewares/compress.ts';
import { ModelBuilder } from '../../../src/model/build-model.ts';
import { COMPRESS_DEFAULTS, MODEL_DEFAULTS } from '../../harness/defaults.ts';

/** `compress` for the key itself; without what belongs to its problems. */
function build(keys: Record<string, string>): { options: CompressOptions | undefined; problems: string[] } {
  const builder = new ModelBuilder(MODEL_DEFAULTS);
  const { model } = builder.update([
    { key: 'backends/b/servers/s/url', value: 'http://10.0.0.1:80' },
    { key: 'frontends/f/backend', value: 'b' },
    ...Object.entries(keys).map(([key, value]) => ({ key: `frontends/f/${key}`, value })),
  ]);
  return {
    options: model.frontends.get('f')!.options.compress as CompressOptions | undefined,
    problems: [...model.problems.values()].map(
      ({ key, state, reason }) => `${key.replace('/traefik/frontends/f/', '')} ${state}: ${reason}`,
    ),
  };
}

test('compress=true, or any key below it, turns it on; compress=false turns it off', () => {
  assert.deepEqual(build({ compress: 'true' }), { options: COMPRESS_DEFAULTS, problems: [] });
  assert.deepEqual(build({ 'compress/levels/br': '7' }).options, {
    ...COMPRESS_DEFAULTS,
    levels: { gzip: 6, br: 7, zstd: 3 },
  });
  assert.equal(build({ compress: 'false' }).options?.enabled, false);
  assert.equal(build({ compress: 'false', 'compress/encodings': 'br' }).options?.enabled, false);
  assert.deepEqual(build({ compress: '' }), { options: undefined, problems: [] });
});

test('all that can be said of it is read', () => {
  assert.deepEqual(
    build({
      'compress/encodings/0': 'zstd',
      'compress/encodings/1': 'GZIP',
      'compress/minresponsebodybytes': '0',
      'compress/contenttypes': 'Text/*, application/json',
      'compress/defaultencoding': 'gzip',
      'compress/levels/gzip': '9',
      'compress/levels/zstd': '22',
      'compress/skipcookies': 'true',
    }),
    {
      options: {
        enabled: true,
        encodings: ['zstd', 'gzip'],
        minResponseBodyBytes: 0,
        contentTypes: ['text/*', 'application/json'],
        excludedContentTypes: null,
        defaultEncoding: 'gzip',
        levels: { gzip: 9, br: 4, zstd: 22 },
        skipCookies: true,
      },
      problems: [],
    },
  );
});

const BAD: readonly (readonly [Record<string, string>, string])[] = [
  [{ 'compress/encodings': 'gzip,deflate' }, 'compress/encodings ignored: "deflate" is none of gzip, br, zstd'],
  [{ 'compress/minresponsebodybytes': '-1' }, 'compress/minresponsebodybytes defaulted: -1 is below 0; 1024 is used'],
  [{ 'compress/levels/gzip': '10' }, 'compress/levels/gzip defaulted: 10 is not from 1 to 9; 6 is used'],
  [{ 'compress/levels/deflate': '1' }, 'compress/levels/deflate ignored: "deflate" is none of gzip, br, zstd'],
  [
    { 'compress/encodings': 'gzip', 'compress/defaultencoding': 'br' },
    'compress/defaultencoding ignored: "br" is none of gzip',
  ],
  [
    { 'compress/contenttypes': 'html' },
    'compress/contenttypes ignored: "html" is no media type: write text/html, or text/* for all of them',
  ],
  [
    { 'compress/contenttypes': 'text/*', 'compress/excludedcontenttypes': 'text/csv' },
    'compress/excludedcontenttypes ignored: compress/contenttypes names all that is compressed',
  ],
  [{ compress: 'yes' }, 'compress defaulted: "yes" is neither true nor false; false is used'],
];

for (const [keys, problem] of BAD) {
  test(`${Object.entries(keys).join(' ')} costs itself only, with the reason`, () => {
    const { options, problems } = build(keys);
    assert.deepEqual(problems, [problem]);
    assert.notEqual(options, undefined);
  });
}

test('what is shown are its fields', () => {
  const { enabled, levels } = COMPRESS.show(COMPRESS_DEFAULTS) as CompressOptions;
  assert.deepEqual([enabled, levels], [true, COMPRESS_DEFAULTS.levels]);
});

const allows = (options: Partial<CompressOptions>, types: readonly string[]): string[] => {
  const rules = new FrontendRules({ ...COMPRESS_DEFAULTS, ...options });
  return types.filter((type) => rules.allowsType(type));
};
const TYPES = [
  ...['text/html', 'application/json', 'image/svg+xml', 'image/bmp', 'image/x-icon', 'application/x-unknown'],
  ...[
    '',
    'application/grpc',
    'application/grpc-web+proto',
    'text/event-stream',
    'image/png',
    'audio/mpeg',
    'video/mp4',
  ],
  ...['font/woff2', 'application/zip', 'application/pdf', 'application/wasm', 'application/x-bzip2'],
];

test('types of which there is nothing to win are left alone, unless they are given', () => {
  assert.deepEqual(allows({}, TYPES), TYPES.slice(0, 6));
  assert.deepEqual(allows({ contentTypes: ['text/*', 'image/png', 'application/grpc*'] }, TYPES), [
    'text/html',
    'text/event-stream',
    'image/png',
  ]);
  const all = TYPES.filter((type) => type !== '' && !type.startsWith('application/grpc'));
  assert.deepEqual(allows({ contentTypes: ['*/*'] }, TYPES), all);
  assert.deepEqual(
    allows({ excludedContentTypes: ['image/*', 'text/html'] }, TYPES),
    all.filter((type) => type !== 'text/html' && !type.startsWith('image/')),
  );
});

test('bodies of good answers and of errors are compressed, and no others', () => {
  const rules = new FrontendRules(COMPRESS_DEFAULTS);
  const statuses = [101, 200, 201, 204, 205, 206, 299, 300, 304, 399, 400, 404, 500, 599, 600, 999];
  assert.deepEqual(
    statuses.filter((status) => rules.allowsStatus(status)),
    [200, 201, 299, 400, 404, 500, 599],
  );
});

function codings(options: Partial<CompressOptions>, ...fields: [string, string][]): string {
  const head = new RequestHead();
  head.begin('GET', '/', '/');
  for (const [name, value] of fields) head.add(name, value);
  return new FrontendRules({ ...COMPRESS_DEFAULTS, ...options }).codings(head).join(' ');
}

test('what a client takes depends on what it asks for', () => {
  const accepts: [string, string] = ['accept-encoding', 'gzip, br;q=0.9'];
  assert.equal(codings({}, accepts), 'gzip br');
  assert.equal(codings({}, accepts, ['range', 'bytes=0-1']), '');
  assert.equal(codings({}, accepts, ['cache-control', 'max-age=0, no-transform']), '');
  assert.equal(codings({}, accepts, ['cookie', 'a=b']), 'gzip br');
  assert.equal(codings({ skipCookies: true }, accepts, ['cookie', 'a=b']), '');
  assert.equal(codings({ defaultEncoding: 'br' }), 'br');
  assert.equal(codings({ defaultEncoding: 'br' }, ['accept-encoding', '']), '');
  assert.equal(codings({}), '');
});
