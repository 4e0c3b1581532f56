/**
 * Which middlewares an entrypoint and a frontend have, in the order in which a request passes them; their responses pass
 * them the other way round. The only list of them in the data plane (the order: shared/spec frontend-options §1.2).
 */

import type { RedirectOptions, WhiteListOptions } from '../../kernel/entrypoint-options.ts';
import type { AuthOptions } from '../../middlewares/auth.ts';
import type { BufferingOptions } from '../../middlewares/buffering.ts';
import type { ClientCertificateOptions } from '../../middlewares/client-certificate.ts';
import type { CompressOptions } from '../../middlewares/compress.ts';
import type { CorsOptions } from '../../middlewares/cors.ts';
import type { DenyListOptions } from '../../middlewares/deny-list.ts';
import type { ErrorsOptions } from '../../middlewares/errors.ts';
import type { HeadersOptions } from '../../middlewares/headers.ts';
import type { IpStrategyOptions } from '../../middlewares/ip-strategy.ts';
import type { JwtOptions } from '../../middlewares/jwt.ts';
import type { LimitsOptions } from '../../middlewares/limits.ts';
import type { MirroringOptions } from '../../middlewares/mirroring.ts';
import type { ObservabilityOptions } from '../../middlewares/observability.ts';
import type { RateLimitOptions } from '../../middlewares/rate-limit.ts';
import type { RequestIdOptions } from '../../middlewares/request-id.ts';
import type { SplitOptions } from '../../middlewares/split.ts';
import type { RequestTimeouts } from '../../middlewares/timeouts.ts';
import type { BackendView, FrontendView } from '../../table/views.ts';
import type { WorkerContext } from '../context.ts';
import type { Middleware, ResponseFields } from '../middleware.ts';
import { DEFAULT_FIELD } from '../request-ids.ts';
import { AllowList } from './allow-list.ts';
import { AuthCounts } from './auth-counts.ts';
import { BasicAuth } from './basic-auth.ts';
import { Buffering } from './buffering.ts';
import { IpStrategy } from './client-address.ts';
import { ClientCertificateFields } from './client-certificate.ts';
import { Compress } from './compress.ts';
import { Cors } from './cors.ts';
import { CustomRequestHeaders, CustomResponseHeaders } from './custom-headers.ts';
import { DenyList } from './deny-list.ts';
import { DigestAuth } from './digest-auth.ts';
import { ErrorPages } from './errors.ts';
import { ForwardAuth, NoAuth } from './forward-auth.ts';
import { Jwt } from './jwt.ts';
import { Limits } from './limits.ts';
import { Mirroring } from './mirroring.ts';
import { PathModifiers } from './path-modifiers.ts';
import { RateLimit } from './rate-limit.ts';
import { Redirect } from './redirect.ts';
import { RequestId } from './request-id.ts';
import { RequestTime } from './request-timeouts.ts';
import { SecurityHeaders } from './security-headers.ts';
import { Split } from './split.ts';
import { TraceResponse, Untraced } from './trace-response.ts';

/** Where a middleware is made: a frontend's differ by entrypoint where they look at it. */
export type Site = { readonly worker: WorkerContext; readonly entryPoint: number; readonly frontend: FrontendView };

/** null: there is nothing to do on that entrypoint. */
type Maker<Options extends object, Made = Middleware> = (options: Options, site: Site) => Made | null;
/** The name of a kind, and what is made of its options. */
type Step<Made = Middleware> = readonly [string, Maker<object, Made>];

function maker<Options extends object, Made = Middleware>(name: string, make: Maker<Options, Made>): Step<Made> {
  return [name, make as Maker<object, Made>];
}

function authOf(
  { how, headerField }: AuthOptions,
  worker: WorkerContext,
  entryPoint: number,
  frontend: FrontendView | null,
): Middleware {
  if (how.kind === 'none') return new NoAuth();
  if (how.kind === 'forward') {
    const backend = frontend?.otherBackends?.get(how.forward.backend) ?? null;
    const ids = frontend?.options?.requestId as RequestIdOptions | undefined;
    const idField = ids?.header.toLowerCase() ?? DEFAULT_FIELD;
    return new ForwardAuth(worker, how.forward, [entryPoint, frontend?.name ?? null], backend, idField);
  }
  const Asking = how.kind === 'basic' ? BasicAuth : DigestAuth;
  return new Asking(worker, how.users, headerField, how.removeHeader);
}

function authCounts({ counts }: WorkerContext, frontend: string, entryPoint: string, kind: string): AuthCounts {
  return new AuthCounts(counts.labels, [frontend, entryPoint], kind);
}

/** Before the modifiers of the path: what holds for every answer to its requests. */
const OUTERMOST: readonly Step[] = [
  maker<ObservabilityOptions>('observability', (options, { worker }) =>
    worker.tracer === null || options.tracing ? null : new Untraced(),
  ),
  maker<RequestIdOptions>('requestId', (options, { worker }) => new RequestId(options, worker)),
];

type FieldsStep = Middleware & ResponseFields;

const CUSTOM_RESPONSE = maker<HeadersOptions, FieldsStep>('headers', (options) =>
  CustomResponseHeaders.isAsked(options) ? new CustomResponseHeaders(options) : null,
);
const CORS = maker<CorsOptions, FieldsStep>('cors', (options) => new Cors(options));
const SECURITY = maker<HeadersOptions, FieldsStep>('headers', (options) =>
  SecurityHeaders.isAsked(options) ? new SecurityHeaders(options) : null,
);
/** What is told with every response of a server, and with a page in its place. */
const FIELDS: readonly Step<FieldsStep>[] = [CUSTOM_RESPONSE, CORS, SECURITY];

function fieldSteps(site: Site): FieldsStep[] {
  return namedSteps(FIELDS, site)
    .map(({ step }) => step)
    .reverse();
}

/** By the name of their kind (src/middlewares/), behind the modifiers of the path. */
const FRONTEND: readonly Step[] = [
  maker<CompressOptions>('compress', (options, { worker, entryPoint }) =>
    Compress.ofFrontend(options, worker.plans[entryPoint]),
  ),
  maker<RequestTimeouts>('requestTimeouts', (options) => new RequestTime(options)),
  maker<ErrorsOptions>(
    'errors',
    (options, site) => new ErrorPages(options, site.worker, site.frontend, fieldSteps(site)),
  ),
  maker<IpStrategyOptions>('ipStrategy', (options) => new IpStrategy(options)),
  maker<DenyListOptions>('denyList', (options) => new DenyList(options)),
  maker<WhiteListOptions>('whiteList', (options) => new AllowList(options)),
  maker<RedirectOptions>('redirect', (options, { worker, entryPoint }) => {
    const { name, tls } = worker.entryPoints[entryPoint];
    return options.entryPoint === name ? null : new Redirect(options, worker.entryPoints, tls !== null);
  }),
  CUSTOM_RESPONSE,
  CORS,
  maker<HeadersOptions>('headers', (options) =>
    options.customRequestHeaders.length > 0 ? new CustomRequestHeaders(options) : null,
  ),
  SECURITY,
  maker<ClientCertificateOptions>('passTLSClientCert', (options) => new ClientCertificateFields(options)),
  maker<JwtOptions>('jwt', (_, { worker, frontend }) => authCounts(worker, frontend.name, '', 'jwt')),
  maker<JwtOptions>('jwt', (options, { worker }) => new Jwt(options, worker)),
  maker<AuthOptions>('auth', ({ how }, { worker, frontend }) => authCounts(worker, frontend.name, '', how.kind)),
  maker<AuthOptions>('auth', (options, { worker, entryPoint, frontend }) =>
    authOf(options, worker, entryPoint, frontend),
  ),
  maker<LimitsOptions>('limits', (options) => new Limits(options)),
  maker<RateLimitOptions>(
    'ratelimit',
    (options, { worker, frontend }) => new RateLimit(options, worker, frontend.name),
  ),
  maker<SplitOptions>('split', (options, { worker, frontend }) => new Split(options, worker, frontend)),
  maker<MirroringOptions>('mirroring', (options, { worker, frontend }) => new Mirroring(options, worker, frontend)),
];

/** Of a backend, around its breaker, its limit and its balancer. */
const BACKEND: readonly (readonly [string, (options: object) => Middleware])[] = [
  ['buffering', (options) => new Buffering(options as BufferingOptions)],
];

/** A middleware with the name of its kind. */
export type Named<Made = Middleware> = { readonly kind: string; readonly step: Made };

export function backendSteps({ policy }: BackendView): Named[] {
  const options = policy?.options ?? {};
  return BACKEND.flatMap(([kind, make]) => {
    const own = options[kind];
    return own === undefined ? [] : [{ kind, step: make(own) }];
  });
}

function namedSteps<Made>(makers: readonly Step<Made>[], site: Site): Named<Made>[] {
  const options = site.frontend.options ?? {};
  return makers.flatMap(([kind, make]) => {
    const own = options[kind];
    const step = own === undefined ? null : make(own, site);
    return step === null ? [] : [{ kind, step }];
  });
}

export function frontendSteps(worker: WorkerContext, entryPoint: number, frontend: FrontendView): Named[] {
  const site = { worker, entryPoint, frontend };
  const modifiers =
    frontend.modifiers === null ? [] : [{ kind: 'modifiers', step: new PathModifiers(frontend.modifiers) }];
  return [...namedSteps(OUTERMOST, site), ...modifiers, ...namedSteps(FRONTEND, site)];
}

export function entryPointSteps(worker: WorkerContext, entryPoint: number): Named[] {
  const { name, redirect, auth, compress, whiteList, tls } = worker.entryPoints[entryPoint];
  const steps: Named[] = [];
  const add = (kind: string, step: Middleware): void => {
    steps.push({ kind, step });
  };
  const { tracer } = worker;
  if (tracer !== null && TraceResponse.isAsked(tracer.options)) add('tracing', new TraceResponse(tracer.options));
  if (compress) add('compress', Compress.ofEntryPoint());
  if (redirect !== null) add('redirect', new Redirect(redirect, worker.entryPoints, tls !== null));
  if (auth !== null) {
    const options = auth as AuthOptions;
    add('auth', authCounts(worker, '', name, options.how.kind));
    add('auth', authOf(options, worker, entryPoint, null));
  }
  if (whiteList !== null) add('whiteList', new AllowList(whiteList));
  return steps;
}
