/** The read-only API in the shapes of Traefik 1.7 (shared/spec cli-api §5.2 and §5.3). */

import { goDuration } from '../../kernel/durations.ts';
import { shownOptions } from '../../middlewares/kinds.ts';
import type { HealthCheck } from '../../model/health-keys.ts';
import type { Backend, Frontend, Route, Server } from '../../model/model.ts';
import type { ControlView } from '../view.ts';
import { type JsonText, jsonMapParts, jsonObjectParts, jsonText } from './json.ts';

const CODENAME = 'crossroads';
const HIDDEN = 'REDACTED';

function byName<T extends { readonly name: string }>(items: readonly T[]): Map<string, T> {
  return new Map(items.map((item) => [item.name, item]));
}

function serverJson(server: Server): string {
  return jsonText({ url: server.url, weight: server.weight });
}

function serversJson(backend: Backend): Iterable<string> {
  return jsonMapParts(byName(backend.servers), serverJson);
}

function backendJson(backend: Backend): Iterable<string> {
  const { servers, circuitBreaker, maxConn, healthCheck } = backend;
  const fields: [string, JsonText][] = [];
  if (servers.length > 0) fields.push(['servers', serversJson(backend)]);
  if (circuitBreaker !== undefined) {
    fields.push(['circuitBreaker', jsonText({ expression: circuitBreaker.expression })]);
  }
  fields.push(['loadBalancer', jsonText(loadBalancer(backend))]);
  if (maxConn !== undefined) {
    const { amount, extractorFunc } = maxConn;
    fields.push(['maxConn', jsonText({ ...(amount === 0 ? {} : { amount }), extractorFunc })]);
  }
  if (healthCheck !== undefined) fields.push(['healthCheck', healthCheckJson(healthCheck)]);
  for (const [name, shown] of Object.entries(shownOptions(backend.options ?? {}))) fields.push([name, jsonText(shown)]);
  return jsonObjectParts(fields, (text) => text);
}

/** The values of the headers are what lets a check in: they are not shown. */
function healthCheckJson({ scheme, path, port, interval, intervalMs, hostname, headers }: HealthCheck): string {
  return jsonText({
    ...(scheme === '' ? {} : { scheme }),
    path,
    ...(port === 0 ? {} : { port }),
    interval: interval === '' ? goDuration(intervalMs / 1000) : interval,
    ...(hostname === '' ? {} : { hostname }),
    ...(headers.length === 0 ? {} : { headers: Object.fromEntries(headers.map(([name]) => [name, HIDDEN])) }),
  });
}

/** As Traefik fills it in: the older key shows as what it means. */
function loadBalancer({ method, sticky }: Backend) {
  if (sticky === undefined) return { method };
  const { cookieName, secure, httpOnly, sameSite, deprecated } = sticky;
  const stickiness = {
    ...(cookieName === '' ? {} : { cookieName }),
    ...(secure ? { secure } : {}),
    ...(httpOnly ? { httpOnly } : {}),
    ...(sameSite === '' ? {} : { sameSite }),
  };
  return { method, ...(deprecated ? { sticky: true } : {}), stickiness };
}

function routeJson(route: Route): string {
  return jsonText({ rule: route.rule });
}

function routesJson(frontend: Frontend): Iterable<string> {
  return jsonMapParts(byName(frontend.routes), routeJson);
}

/** Empty fields are left out, except `priority` and `basicAuth` (§5.3). */
function frontendJson(frontend: Frontend): Iterable<string> {
  const { entryPoints, routes } = frontend;
  const { passTLSClientCert, ...options } = shownOptions(frontend.options);
  const fields: [string, JsonText][] = [];
  if (entryPoints.length > 0) fields.push(['entryPoints', jsonText(entryPoints)]);
  fields.push(['backend', jsonText(frontend.backend)]);
  if (routes.length > 0) fields.push(['routes', routesJson(frontend)]);
  if (frontend.passHostHeader) fields.push(['passHostHeader', 'true']);
  if (passTLSClientCert !== undefined) fields.push(['passTLSClientCert', jsonText(passTLSClientCert)]);
  fields.push(['priority', String(frontend.priority)], ['basicAuth', 'null']);
  for (const [name, shown] of Object.entries(options)) fields.push([name, jsonText(shown)]);
  return jsonObjectParts(fields, (text) => text);
}

function configurationJson(view: ControlView): Iterable<string> {
  const { backends, frontends } = view.model();
  const fields: [string, JsonText][] = [];
  if (backends.size > 0) fields.push(['backends', jsonMapParts(backends, backendJson)]);
  if (frontends.size > 0) fields.push(['frontends', jsonMapParts(frontends, frontendJson)]);
  return jsonObjectParts(fields, (text) => text);
}

function providersJson(view: ControlView): Iterable<string> {
  const providers: [string, JsonText][] = view.generation() === 0 ? [] : [[view.provider, configurationJson(view)]];
  return jsonObjectParts(providers, (text) => text);
}

function backendReply(view: ControlView, [name, part, server, ...rest]: readonly string[]): JsonText | null {
  const { backends } = view.model();
  if (name === undefined) return jsonMapParts(backends, backendJson);
  const backend = backends.get(name);
  if (backend === undefined || rest.length > 0) return null;
  if (part === undefined) return backendJson(backend);
  if (part !== 'servers') return null;
  if (server === undefined) return serversJson(backend);
  const found = backend.servers.find((candidate) => candidate.name === server);
  return found === undefined ? null : serverJson(found);
}

function frontendReply(view: ControlView, [name, part, route, ...rest]: readonly string[]): JsonText | null {
  const { frontends } = view.model();
  if (name === undefined) return jsonMapParts(frontends, frontendJson);
  const frontend = frontends.get(name);
  if (frontend === undefined || rest.length > 0) return null;
  if (part === undefined) return frontendJson(frontend);
  if (part !== 'routes') return null;
  if (route === undefined) return routesJson(frontend);
  const found = frontend.routes.find((candidate) => candidate.name === route);
  return found === undefined ? null : routeJson(found);
}

/**
 * The JSON text for a path below `/api`, in parts where it may be long, or null when there is no such thing.
 * `path`: the decoded segments after `api`, e.g. `['providers', 'etcd', 'backends']`.
 */
export function apiReply(view: ControlView, path: readonly string[]): JsonText | null {
  const [section, provider, kind, ...rest] = path;
  if (section === undefined) return providersJson(view);
  if (section === 'version' && provider === undefined) return jsonText({ Version: view.version, Codename: CODENAME });
  if (section !== 'providers') return null;
  if (provider === undefined) return providersJson(view);
  if (provider !== view.provider || view.generation() === 0) return null;
  if (kind === undefined) return configurationJson(view);
  if (kind === 'backends') return backendReply(view, rest);
  return kind === 'frontends' ? frontendReply(view, rest) : null;
}

/**
 * Is this the shape of a path that the API answers, whatever the names? Only such a path is redirected when it ends
 * with a slash.
 */
export function isApiPath(path: readonly string[]): boolean {
  const [section, , kind, , part] = path;
  if (section === undefined) return true;
  if (section !== 'providers') return path.length === 1 && (section === 'version' || section === 'status');
  if (path.length <= 2) return true;
  if (kind !== 'backends' && kind !== 'frontends') return false;
  return path.length <= 4 || (path.length <= 6 && part === (kind === 'backends' ? 'servers' : 'routes'));
}
