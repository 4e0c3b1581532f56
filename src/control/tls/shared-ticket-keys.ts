/**
 * Ticket keys that the nodes of one etcd share (`--tls.ticketKeys=etcd`): a client resumes its session on any of
 * them, and its nonce for digest auth is good on all.
 *
 *     <prefix>/tsuji/ticketkeys/<number of the period>  →  48 bytes in base64, with a lease of three periods
 *
 * Whoever is first writes a key, in one transaction that does nothing when it is there; the others take what they find.
 * No node leads, and nothing is ever overwritten. Traefik ignores these keys. Who can read them can read what was
 * recorded of TLS 1.2 sessions that were resumed with them, so the prefix must be closed to strangers.
 */
import { KVClient, LeaseClient } from 'etcd3/lib/rpc.js';
import { reasonOf, TsujiError } from '../../kernel/errors.ts';
import type { TicketKey } from '../../protocol/messages.ts';
import type { EtcdSettings } from '../../settings/settings.ts';
import { EtcdV3Connection } from '../source/etcd-v3-connection.ts';
import { loadTls } from '../source/tls.ts';
import { TICKET_KEY_BYTES, TICKET_PERIOD_MS, type TicketKeyStore } from './ticket-ring.ts';

const DEADLINE_MS = 5000;
const LEASE_SECONDS = (3 * TICKET_PERIOD_MS) / 1000;

export class SharedTicketKeys implements TicketKeyStore {
  private readonly settings: EtcdSettings;
  private open: EtcdV3Connection | null = null;

  constructor(settings: EtcdSettings) {
    this.settings = settings;
  }

  /** Asks one endpoint after another. */
  async share(period: number, mine: TicketKey): Promise<TicketKey> {
    const reasons: string[] = [];
    for (const endpoint of this.settings.endpoints) {
      try {
        return await this.shareAt(endpoint, period, mine);
      } catch (error) {
        reasons.push(`etcd v3 at ${endpoint}: ${reasonOf(error)}`);
      }
    }
    throw new TsujiError('TICKET_KEYS', reasons.join('; '));
  }

  stop(): void {
    this.open?.close();
  }

  private async shareAt(endpoint: string, period: number, mine: TicketKey): Promise<TicketKey> {
    const { username, password, tls } = this.settings;
    const material = tls === null ? null : loadTls(tls);
    const connection = new EtcdV3Connection({ endpoint, tls: material, username, password, deadlineMs: DEADLINE_MS });
    this.open = connection;
    try {
      await connection.authenticate();
      return await this.createOrGet(connection, period, mine);
    } finally {
      connection.close();
      this.open = null;
    }
  }

  private async createOrGet(connection: EtcdV3Connection, period: number, mine: TicketKey): Promise<TicketKey> {
    const key = Buffer.from(`${this.settings.prefix}/tsuji/ticketkeys/${period}`);
    const kv = new KVClient(connection);
    const found = (await kv.range({ key })).kvs.at(0);
    if (found !== undefined) return this.read(key, found.value);
    const leases = new LeaseClient(connection);
    const lease = (await leases.leaseGrant({ TTL: LEASE_SECONDS })).ID;
    const value = Buffer.from(Buffer.from(mine).toString('base64'));
    const { succeeded, responses } = await kv.txn({
      compare: [{ key, target: 'Create', result: 'Equal', create_revision: 0 }],
      success: [{ request_put: { key, value, lease } }],
      failure: [{ request_range: { key } }],
    });
    if (succeeded) return mine;
    await leases.leaseRevoke({ ID: lease });
    const other = responses[0].response_range?.kvs.at(0);
    if (other === undefined) throw new Error('a key came and went');
    return this.read(key, other.value);
  }

  private read(key: Buffer, value: Buffer): TicketKey {
    const bytes = Buffer.from(value.toString(), 'base64');
    if (bytes.length === TICKET_KEY_BYTES) return bytes;
    throw new Error(`${key} does not hold ${TICKET_KEY_BYTES} bytes in base64; delete it`);
  }
}
