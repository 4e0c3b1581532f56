/**
 * What of an entry many exchanges have in common: where they went, and how. Whoever fills entries has one for all of them, so that lines
 * find what they had before by its identity.
 */
export class Course {
  /** Names as Traefik has them, '' for none. */
  frontendName = '';
  backendName = '';
  /** Of the server, '' for none. */
  url = '';
  /** Traefik has the path of the request where the URL of the server would be. */
  hasPathAsUrl = false;
  /** host:port of `url`, '' for none. */
  address = '';
  /** Ours, '' for none. */
  frontend = '';
  backend = '';
  server = '';
  upstreamAddress = '';
  /** '1.1' or '2', '' where no connection was used. */
  upstreamProtocol = '';
  reused = false;

  status = 0;
  /** 0: there is none. */
  originStatus = 0;
  cause = '';
  /** Servers that were asked. */
  tries = 0;

  method = '';
  /** The method has one character per byte. */
  latin1 = false;
  /** `HTTP/1.1` */
  protocol = '';
  scheme: 'http' | 'https' = 'http';
  entryPoint = '';
  worker = 0;
  /** '' in the clear, and where the engine does not tell. */
  tlsVersion = '';
  tlsCipher = '';
  tlsResumed = false;
  /** Below 1 where it was one of many. */
  sampleRate = 1;
  /** Of the auth cache; null: none was asked. */
  cacheHit: boolean | null = null;
}

/** Two that were made apart. */
export function isSameCourse(one: Course, other: Course): boolean {
  return (
    one.address === other.address &&
    one.upstreamAddress === other.upstreamAddress &&
    one.status === other.status &&
    one.frontendName === other.frontendName &&
    one.frontend === other.frontend &&
    one.url === other.url &&
    one.hasPathAsUrl === other.hasPathAsUrl &&
    one.backendName === other.backendName &&
    one.backend === other.backend &&
    one.server === other.server &&
    one.originStatus === other.originStatus &&
    one.cause === other.cause &&
    one.method === other.method &&
    one.latin1 === other.latin1 &&
    one.protocol === other.protocol &&
    one.scheme === other.scheme &&
    one.entryPoint === other.entryPoint &&
    one.tries === other.tries &&
    one.reused === other.reused &&
    one.upstreamProtocol === other.upstreamProtocol &&
    one.worker === other.worker &&
    one.sampleRate === other.sampleRate &&
    one.cacheHit === other.cacheHit &&
    one.tlsVersion === other.tlsVersion &&
    one.tlsCipher === other.tlsCipher &&
    one.tlsResumed === other.tlsResumed
  );
}
