/** Counts the TLS handshakes of one entrypoint. */
import type { TlsTraits } from '../../../kernel/tls-traits.ts';
import type { LabelCounts } from '../../../shared/label-counts.ts';
import { FAMILY } from '../../../shared/label-families.ts';
import { NOT_ADMITTED } from '../../socket/tls-server-socket.ts';

/** In the place of a reason. */
export const TIMED_OUT = 'timeout';

/** As the label `reason`. */
function kindOf(reason: string): string {
  if (reason === TIMED_OUT) return 'timeout';
  if (reason === NOT_ADMITTED || /CERTIFICATE|PEER_DID_NOT_RETURN|UNKNOWN_CA|VERIFY/.test(reason))
    return 'client_certificate';
  if (reason.startsWith('no certificate') || reason.includes('NO_SUITABLE_SIGNATURE')) return 'no_certificate';
  return reason.startsWith('ERR_SSL_') ? 'protocol' : 'other';
}

export class HandshakeCounts {
  private readonly labels: LabelCounts;
  private readonly entryPoint: string;
  private readonly seconds: number;

  constructor(labels: LabelCounts, entryPoint: string) {
    this.labels = labels;
    this.entryPoint = entryPoint;
    this.seconds = labels.at(FAMILY.handshakeSeconds, [entryPoint]);
  }

  /** `ms`: that it took. */
  done(traits: TlsTraits | null, ms: number): void {
    const { labels, entryPoint } = this;
    const { version, resumed } = traits ?? { version: '', resumed: false };
    labels.add(labels.at(FAMILY.handshakes, [entryPoint, version, String(resumed)]));
    labels.observe(this.seconds, FAMILY.handshakeSeconds.bounds!, ms / 1_000);
  }

  /** `reason`: of TlsServerSocket or of OpenSSL; '' for a client that has left. */
  failed(reason: string): void {
    this.labels.add(this.labels.at(FAMILY.handshakeFailures, [this.entryPoint, kindOf(reason)]));
  }
}
