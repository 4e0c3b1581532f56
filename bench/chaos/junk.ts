/** Keys that nobody in their right mind would write below the prefix, and that must cost nobody but themselves. */
import type { Random } from './random.ts';

export type Junk = { readonly key: Buffer; readonly value: Buffer };

const PREFIX = '/traefik/';
const HARMLESS = ['alpha', 'beta', 'gamma'];
const RULES = [
  'Host:',
  'Hots:nowhere.test',
  'HostRegexp:{x:((a+)+)+$}.junk.test',
  'PathPrefixStrip',
  'Host:junk.test;Method:{{{',
  'Host:\u0000junk.test',
  `Host:${'a'.repeat(5_000)}.test`,
  'HostRegexp:[',
];
const URLS = [
  '',
  'not a url',
  'http://',
  'ftp://127.0.0.1/',
  'http://127.0.0.1:1',
  'http://127.0.0.1:99999',
  'http://[::1',
  '\n',
];
const LONGEST = 20_000;

/** One key of any kind; `n`: so that no two are the same. */
export function junkKey(random: Random, n: number): Junk {
  const text = (key: string, value: string): Junk => ({ key: Buffer.from(PREFIX + key), value: Buffer.from(value) });
  switch (random.whole(0, 9)) {
    case 0:
      return text(`frontends/junk${n}/routes/r/rule`, random.pick(RULES));
    case 1:
      return text(`frontends/junk${n}/backend`, random.pick([...HARMLESS, 'nowhere', '']));
    case 2:
      return text(`backends/junk${n}/servers/s/url`, random.pick(URLS));
    case 3:
      // Beside the good ones.
      return text(`backends/${random.pick(HARMLESS)}/servers/junk${n}/url`, random.pick(URLS));
    case 4:
      return text(`backends/${random.pick(HARMLESS)}/junk${n}`, 'x');
    case 5: {
      const key = Buffer.concat([Buffer.from(`${PREFIX}frontends/`), random.bytes(random.whole(1, 40))]);
      return { key, value: random.bytes(random.whole(0, 200)) };
    }
    case 6:
      return { key: Buffer.concat([Buffer.from(PREFIX), random.bytes(random.whole(1, 300))]), value: Buffer.alloc(0) };
    case 7:
      return text(`junk/${n}/${'/'.repeat(random.whole(1, 30))}`, 'x'.repeat(random.whole(0, LONGEST)));
    case 8:
      return text(`tls/junk${n}/certificate/certfile`, 'x'.repeat(random.whole(0, LONGEST)));
    default:
      return text(`frontends/${'f'.repeat(random.whole(1, 2_000))}${n}/priority`, '-1e99');
  }
}

/** As junk of etcd v2: a directory, a key where a directory is wanted, or a text. */
export function junkPathV2(random: Random, n: number): string {
  return random.pick([
    `/traefik/junk2/${n}`,
    `/traefik/frontends/junk2-${n}/routes/r/rule`,
    `/traefik/backends/junk2-${n}`,
    `/traefik/backends/beta/servers/junk2-${n}/weight`,
  ]);
}
