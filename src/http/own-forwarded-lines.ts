/**
 * The forwarded lines of a request whose client says nothing of hops before it (proxying §4). Kept for the peers that came
 * last: most ask for the same host again and again.
 */

/** Of one peer. */
type PeerLines = {
  readonly secure: boolean;
  readonly beforeHost: string;
  readonly afterPort: string;
  /** What it asked for last, and all lines for that: '' until it asks for the same host again. */
  host: string;
  lines: string;
};

/** Beyond that the map starts anew. */
const MAX_KEPT = 4_096;

/** Port in the Host field, else that of the scheme (proxying §4). */
export function portOf(host: string, proto: string): string {
  const colon = host.lastIndexOf(':');
  if (colon > 0 && colon > host.indexOf(']') && colon < host.length - 1) return host.slice(colon + 1);
  return proto === 'https' || proto === 'wss' ? '443' : '80';
}

function linesOf(peer: string, secure: boolean, serverLine: string): PeerLines {
  const proto = secure ? 'https' : 'http';
  return {
    secure,
    beforeHost: `x-forwarded-for: ${peer}\r\nx-forwarded-host: `,
    afterPort: `\r\nx-forwarded-proto: ${proto}\r\n${serverLine}x-real-ip: ${peer}\r\n`,
    // No host that is served: the first is never a repetition.
    host: ' ',
    lines: '',
  };
}

export class OwnForwardedLines {
  private readonly kept = new Map<string, PeerLines>();

  /** `serverLine`: who we are, as a line. */
  of(peer: string, secure: boolean, host: string, serverLine: string): string {
    let kept = this.kept.get(peer);
    if (kept === undefined || kept.secure !== secure) {
      kept = linesOf(peer, secure, serverLine);
      if (this.kept.size >= MAX_KEPT) this.kept.clear();
      this.kept.set(peer, kept);
    }
    const repeated = kept.host === host;
    if (repeated && kept.lines !== '') return kept.lines;
    const port = portOf(host, secure ? 'https' : 'http');
    const lines = `${kept.beforeHost}${host}\r\nx-forwarded-port: ${port}${kept.afterPort}`;
    kept.host = host;
    // Text in one piece, which is not the case for what is put together: as part of a head it is copied once. A client
    // that asks for ever other hosts would pay for that and never use it (bench/README.md, what was tried).
    kept.lines = repeated ? Buffer.from(lines).toString() : '';
    return lines;
  }
}
