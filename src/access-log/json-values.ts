/** Values of JSON fields that Go makes of others. */
import { decodedPath, encodedPath } from '../kernel/percent.ts';
import type { Entry } from './entry.ts';
import { jsonField, jsonString } from './escaping.ts';

/** `Host` and port of it, as Go splits them. */
export function hostOf(authority: string): string {
  const end = authority.lastIndexOf(':');
  return end < 0 || end < authority.lastIndexOf(']') ? authority : authority.slice(0, end);
}

export function portOf(authority: string): string {
  const end = authority.lastIndexOf(':');
  return end < 0 || end < authority.lastIndexOf(']') ? '-' : authority.slice(end + 1);
}

/** Go's url.URL; `latin1` as for `jsonField`. */
export function urlObject(url: string, latin1: boolean): string {
  const [origin = '', scheme = '', host = ''] = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)/i.exec(url) ?? [];
  const rest = url.slice(origin.length);
  const mark = rest.indexOf('?');
  const raw = mark < 0 ? rest : rest.slice(0, mark);
  const query = mark < 0 ? '' : rest.slice(mark + 1);
  const path = decodedPath(raw) ?? raw;
  const rawPath = encodedPath(path) === raw ? '' : raw;
  const text = (value: string): string => `"${jsonField(value, latin1)}"`;
  return (
    `{"Scheme":${text(scheme)},"Opaque":"","User":null,"Host":${text(host)},"Path":${jsonString(path)},` +
    `"RawPath":${text(rawPath)},"ForceQuery":${mark >= 0 && query === ''},"RawQuery":${text(query)},` +
    '"Fragment":"","RawFragment":""}'
  );
}

/** -1: sizes are the same, or one of them is not known. */
export function gzipRatio({ course: { originStatus }, originBytes, sentBytes }: Entry): number {
  return originStatus > 0 && sentBytes !== 0 && originBytes !== sentBytes ? originBytes / sentBytes : -1;
}
