/** Who may ask at all: the IP allow list of an entrypoint or a frontend (shared/spec kv-schema §6.3). */
import type { RequestHead } from '../../http/request-head.ts';
import { AllowedAddresses } from '../../kernel/allowed-addresses.ts';
import type { WhiteListOptions } from '../../kernel/entrypoint-options.ts';
import { FAULTS } from '../../kernel/errors.ts';
import { log } from '../../kernel/log.ts';
import type { Middleware, Scope } from '../middleware.ts';
import { localReply, type Reply } from '../reply.ts';

export class AllowList implements Middleware {
  private readonly allowed: AllowedAddresses;

  constructor(options: WhiteListOptions) {
    this.allowed = new AllowedAddresses(options);
  }

  request({ client, clientAddress }: Scope, head: RequestHead): Reply | null {
    const peer = clientAddress ?? client.peerAddress();
    if (this.allowed.allow(clientAddress === null ? head.forwarded.for : '', peer)) return null;
    log.debug('request refused', { reason: `${peer} is not in the list of allowed addresses` });
    return localReply(FAULTS.forbidden);
  }
}
