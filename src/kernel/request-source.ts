/** Whom a request counts for: what `extractorfunc` names (shared/spec kv-schema §4.3). */

export type RequestSource = {
  readonly source: 'ip' | 'host' | 'header';
  /** Lower case, '' for other sources. */
  readonly header: string;
};

const HEADER = /^request\.header\.([A-Za-z0-9!#$%&'*+.^_`|~-]+)$/;

/** What may be written there. */
export const KNOWN_SOURCES = 'client.ip, request.host, request.header.<Name>';

/** null when it is none of KNOWN_SOURCES. */
export function parseRequestSource(text: string): RequestSource | null {
  if (text === 'client.ip') return { source: 'ip', header: '' };
  if (text === 'request.host') return { source: 'host', header: '' };
  const header = HEADER.exec(text);
  return header === null ? null : { source: 'header', header: header[1].toLowerCase() };
}
