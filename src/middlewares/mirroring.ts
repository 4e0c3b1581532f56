/** Copies of requests for other backends, whose answers nobody sees (shared/spec frontend-options §3.5). */
import type { Kind } from './kind.ts';

export type Mirror = { readonly name: string; readonly backend: string /** 1 to 100. */; readonly percent: number };

export type MirroringOptions = {
  /** In order of name; at least one. */
  readonly mirrors: readonly Mirror[];
  /** false: mirrors are sent no body. */
  readonly mirrorBody: boolean;
  /** A request with a longer body is not mirrored. */
  readonly maxBodyBytes: number;
  readonly timeoutMs: number;
  /** Methods other than GET, HEAD and OPTIONS as well. */
  readonly unsafeMethods: boolean;
};

const DEFAULT_BODY = 65_536;
const DEFAULT_TIMEOUT_MS = 10_000;

export const MIRRORING: Kind<MirroringOptions> = {
  name: 'mirroring',
  keys: [
    'mirrors/*/backend',
    'mirrors/*/percent',
    ...['mirrorbody', 'maxbodybytes', 'timeout', 'unsafemethods'].map((part) => `mirroring/${part}`),
  ],

  parse(keys, { backend: own, backendLack }) {
    const mirrors: Mirror[] = [];
    for (const name of keys.names('mirrors')) {
      const key = `mirrors/${name}/backend`;
      const backend = keys.text(key);
      const percent = keys.int(`mirrors/${name}/percent`, 100);
      if (backend === '') keys.ignored(key, 'no backend is named; there is no such mirror');
      else if (backend === own) keys.ignored(key, "it is the frontend's own backend; there is no such mirror");
      else if (backendLack(backend) !== '') keys.ignored(key, `${backendLack(backend)}; there is no such mirror`);
      else if (percent < 0 || percent > 100) {
        keys.ignored(`mirrors/${name}/percent`, `${percent} is not from 0 to 100; there is no such mirror`);
      } else if (percent > 0) mirrors.push({ name, backend, percent });
    }
    const maxBodyBytes = keys.int('mirroring/maxbodybytes', DEFAULT_BODY);
    const timeoutMs = keys.duration('mirroring/timeout', DEFAULT_TIMEOUT_MS);
    if (maxBodyBytes < 0) keys.defaulted('mirroring/maxbodybytes', `it is below 0; ${DEFAULT_BODY} is used`);
    if (timeoutMs === null || timeoutMs <= 0)
      keys.defaulted('mirroring/timeout', 'it is no duration above 0; 10s is used');
    if (mirrors.length === 0) return null;
    return {
      mirrors,
      mirrorBody: keys.flag('mirroring/mirrorbody', true),
      maxBodyBytes: maxBodyBytes < 0 ? DEFAULT_BODY : maxBodyBytes,
      timeoutMs: timeoutMs === null || timeoutMs <= 0 ? DEFAULT_TIMEOUT_MS : timeoutMs,
      unsafeMethods: keys.flag('mirroring/unsafemethods'),
    };
  },

  show({ mirrors, mirrorBody, maxBodyBytes, unsafeMethods }) {
    const shown = Object.fromEntries(mirrors.map(({ name, backend, percent }) => [name, { backend, percent }]));
    return { mirrors: shown, mirrorBody, maxBodyBytes, ...(unsafeMethods && { unsafeMethods }) };
  },

  backends({ mirrors }) {
    return mirrors.map(({ backend }) => backend);
  },
};
