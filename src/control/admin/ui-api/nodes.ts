/** The nodes of the prefix, and what this one is made of: sources, workers, entrypoints. */
import type { Board } from '../../board/board.ts';
import { rounded, roundedLatency } from '../../board/counted.ts';
import { workersOf } from '../../board/facts.ts';
import { lookOf } from './backend-detail.ts';
import type { Nodes } from './shapes.ts';

function short(value: number | null): number | null {
  return value === null ? null : rounded(value);
}

function workerRows(board: Board): Nodes['workers'] {
  const { view, workers, steps } = board;
  const counted = view.workers().map(({ index }) => workers.of(index, steps.count));
  const all = counted.reduce((sum, { requests }) => sum + requests, 0);
  return view.workers().map(({ index, state, generation, restarts, lostExchanges }, i) => ({
    index,
    state,
    generation,
    restarts,
    lost: lostExchanges,
    share: all === 0 ? null : rounded(counted[i].requests / all),
    busy: rounded(counted[i].busy),
  }));
}

function entryPointRows(board: Board): Nodes['entryPoints'] {
  const { view, entryPoints, readers } = board;
  const look = lookOf(board);
  return view.entryPoints().map(({ name, address, port }, index) => {
    const { rate, e5 } = entryPoints[index].shares(look);
    const lat = roundedLatency(entryPoints[index].lat);
    return { name, address, port, rate: rounded(rate), e5: short(e5), lat, conns: readers.metrics.connections(index) };
  });
}

export async function nodesOf(board: Board): Promise<Nodes> {
  const { view, all } = board;
  const { nodes, more, reason } = await view.nodes();
  const own = all.shares(lookOf(board));
  const { serving, wanted } = workersOf(board);
  return {
    nodes: nodes.map(({ id: _, workers, rate, e5, ...node }, i) => ({
      ...node,
      isThis: i === 0,
      applied: Object.fromEntries(Object.entries(node.applied).map(([name, revision]) => [name, revision ?? ''])),
      workers: i === 0 ? [serving, wanted] : workers,
      rate: i === 0 ? rounded(own.rate) : rate,
      e5: i === 0 ? short(own.e5) : e5,
    })),
    more,
    reason,
    sources: view.sources().map(({ name, state, revision, confirmedAt, restarts, error, tree, remembered }) => ({
      name,
      state,
      revision,
      confirmedAt: confirmedAt || null,
      restarts,
      error,
      tree: tree ?? null,
      remembered: remembered === true,
    })),
    workers: workerRows(board),
    entryPoints: entryPointRows(board),
    prefix: view.prefix,
  };
}
