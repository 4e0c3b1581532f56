/**
 * One gRPC channel to one etcd endpoint, for the clients of the etcd3 package.
 *
 * etcd3's own pool is left out: it cannot skip the verification of a certificate, leaves a channel behind for every
 * login, and retries behind the back of the session, which has to know. So the session owns one channel, and throws it
 * away whole when anything fails.
 */
import grpc from '@grpc/grpc-js';
import type { ICallable, IRangeRequest, IWatchRequest } from 'etcd3';
import { castGrpcError, EtcdInvalidAuthTokenError } from 'etcd3/lib/errors.js';
import { AuthClient } from 'etcd3/lib/rpc.js';
import { EVENTS } from '../../kernel/events.ts';
import { log } from '../../kernel/log.ts';
import { type ServiceName, serviceConstructor } from './etcd-v3-services.ts';
import type { TlsMaterial } from './tls.ts';

grpc.setLogger({
  error: (...words: unknown[]) => log.event(EVENTS.libraryWarning, 'grpc', { name: 'grpc', reason: words.join(' ') }),
  info: () => {},
  debug: () => {},
});

/** Of a unary call, behind its request. */
type UnaryEnd = [
  metadata: grpc.Metadata,
  options: grpc.CallOptions,
  done: (error: grpc.ServiceError | null, response?: unknown) => void,
];
type UnaryMethod = (request: unknown, ...rest: UnaryEnd) => grpc.ClientUnaryCall;

/** What is written to it may leave fields out, which have then their default. */
export type WatchStream = grpc.ClientDuplexStream<Partial<IWatchRequest>, Buffer>;

export type EtcdV3Login = {
  /** `host:port` */
  readonly endpoint: string;
  readonly tls: TlsMaterial | null;
  /** '' for none. */
  readonly username: string;
  readonly password: string;
  /** Every unary call fails after so many milliseconds. */
  readonly deadlineMs: number;
};

function credentialsOf(tls: TlsMaterial | null): grpc.ChannelCredentials {
  if (tls === null) return grpc.credentials.createInsecure();
  return grpc.credentials.createSsl(tls.ca, tls.key, tls.cert, { rejectUnauthorized: !tls.insecureSkipVerify });
}

const BEFORE = 'No connection established. Last error: ';
const BEHIND = '. Resolution note: ';

/** With what the system says, without what grpc-js says around it. */
function plainly(error: Error): Error {
  const { message } = error;
  const at = message.indexOf(BEFORE);
  if (at < 0) return error;
  const end = message.lastIndexOf(BEHIND);
  const said = message.slice(at + BEFORE.length, end < at ? undefined : end);
  error.message = message.slice(0, at) + (said.startsWith('Error: ') ? said.slice('Error: '.length) : said);
  return error;
}

export class EtcdV3Connection implements ICallable<null> {
  readonly callOptionsFactory = undefined;
  readonly #login: EtcdV3Login;
  readonly #channel: grpc.Channel;
  readonly #credentials: grpc.ChannelCredentials;
  readonly #clients = new Map<ServiceName, grpc.Client>();
  readonly #calls = new Set<grpc.ClientUnaryCall>();
  #token = '';

  constructor(login: EtcdV3Login) {
    this.#login = login;
    this.#credentials = credentialsOf(login.tls);
    // One channel for all services and shared with nobody, so that closing it surely closes the TCP connection.
    this.#channel = new grpc.Channel(login.endpoint, this.#credentials, {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_http_proxy': 0,
      'grpc.enable_channelz': 0,
      'grpc.max_receive_message_length': -1,
    });
  }

  /** Fetches a token when there is a username; an etcd with authentication switched off needs none. */
  async authenticate(): Promise<void> {
    const { username, password } = this.#login;
    if (username === '') return;
    this.#token = '';
    try {
      this.#token = (await new AuthClient(this).authenticate({ name: username, password })).token;
    } catch (error) {
      if (!(error instanceof Error && error.message.includes('authentication is not enabled'))) throw error;
    }
  }

  /** One unary call. */
  exec<T>(service: ServiceName, method: string, request: unknown): Promise<T> {
    return this.#renewing(() =>
      this.#unary<T>(service, (client, ...rest) =>
        (client as unknown as Record<string, UnaryMethod>)[method]!.call(client, request, ...rest),
      ),
    );
  }

  /** A read of a range, answered by the bytes of its RangeResponse (etcd-v3-range.ts). */
  range(request: IRangeRequest): Promise<Buffer> {
    return this.#renewing(() =>
      this.#unary<Buffer>('KV', (client, ...rest) => {
        const { path, requestSerialize } = serviceConstructor('KV').service.Range!;
        return client.makeUnaryRequest(path, requestSerialize, (bytes) => bytes, request, ...rest);
      }),
    );
  }

  /** A stream of watches, answered by the bytes of WatchResponses (etcd-v3-watch-answer.ts). */
  watch(): Promise<WatchStream> {
    return this.withConnection('Watch', ({ client, metadata }) => {
      const { path, requestSerialize } = serviceConstructor('Watch').service.Watch!;
      return client.makeBidiStreamRequest(path, requestSerialize, (bytes) => bytes, metadata);
    });
  }

  async withConnection<R>(
    service: ServiceName,
    use: (args: { resource: null; client: grpc.Client; metadata: grpc.Metadata }) => Promise<R> | R,
  ): Promise<R> {
    const metadata = new grpc.Metadata();
    if (this.#token !== '') metadata.set('token', this.#token);
    return await use({ resource: null, client: this.#clientOf(service), metadata });
  }

  /** Nothing to mark: a failed session throws the whole connection away. */
  markFailed(): void {}

  /** Ends all unary calls and closes the channel. Streams must be cancelled by who opened them. */
  close(): void {
    for (const call of this.#calls) call.cancel();
    this.#channel.close();
  }

  #clientOf(service: ServiceName): grpc.Client {
    const known = this.#clients.get(service);
    if (known !== undefined) return known;
    const options: grpc.ClientOptions = { channelOverride: this.#channel };
    const client = new (serviceConstructor(service))(this.#login.endpoint, this.#credentials, options);
    this.#clients.set(service, client);
    return client;
  }

  /** A token that etcd no longer accepts is renewed once. */
  async #renewing<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof EtcdInvalidAuthTokenError)) throw error;
      await this.authenticate();
      return await call();
    }
  }

  #unary<T>(service: ServiceName, begin: (client: grpc.Client, ...rest: UnaryEnd) => grpc.ClientUnaryCall): Promise<T> {
    return this.withConnection(service, ({ client, metadata }) => {
      const { promise, resolve, reject } = Promise.withResolvers<T>();
      const options = { deadline: Date.now() + this.#login.deadlineMs };
      const call = begin(client, metadata, options, (error, response) => {
        this.#calls.delete(call);
        if (error) reject(plainly(castGrpcError(error)));
        else resolve(response as T);
      });
      this.#calls.add(call);
      return promise;
    });
  }
}
