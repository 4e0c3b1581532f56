/** Builders of table inputs for tests: what is not said has a plain default. */
import type { MatchTerm } from '../../../src/rule/terms.ts';
import type { TableBackend, TableFrontend, TableInput, TableServer } from '../../../src/table/input.ts';

export function server(part: Partial<TableServer> = {}): TableServer {
  return {
    name: 's1',
    slot: 0,
    url: 'http://10.0.0.1:80',
    scheme: 'http',
    host: '10.0.0.1',
    port: 80,
    hostHeader: '10.0.0.1:80',
    weight: 1,
    ...part,
  };
}

export function backend(part: Partial<TableBackend> = {}): TableBackend {
  return { name: 'b1', slot: 0, servers: [server()], pipelining: 0, ...part };
}

export function frontend(name: string, terms: readonly MatchTerm[], part: Partial<TableFrontend> = {}): TableFrontend {
  return { name, backend: 0, rank: 1, entryPoints: 1, passHostHeader: true, terms, ...part };
}

export function input(frontends: readonly TableFrontend[], part: Partial<TableInput> = {}): TableInput {
  return { generation: 1, backends: [backend()], frontends, ...part };
}
