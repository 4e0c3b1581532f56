/**
 * What one entrypoint, or one frontend on one entrypoint, does to a request: its middlewares in order. Made when it is
 * first needed, per table and worker; a route that asks for nothing has none, and pays one look at a field.
 */
import type { BackendView, FrontendView } from '../table/views.ts';
import type { WorkerContext } from './context.ts';
import type { Plan } from './middleware.ts';
import { backendSteps, entryPointSteps, frontendSteps, type Named } from './middlewares/order.ts';

function planOf(steps: readonly Named[]): Plan | null {
  return steps.length === 0 ? null : steps.map(({ step }) => step);
}

/** null: every request goes through as it is. */
export function entryPointPlan(worker: WorkerContext, entryPoint: number): Plan | null {
  return planOf(entryPointSteps(worker, entryPoint));
}

/** By entrypoint. */
type Plans = (Plan | null | undefined)[];

/** Of a frontend that is not plain. null: it does nothing to requests of that entrypoint. */
export function frontendPlan(frontend: FrontendView, worker: WorkerContext, entryPoint: number): Plan | null {
  frontend.plans ??= new Array(worker.entryPoints.length);
  const plans = frontend.plans as Plans;
  let plan = plans[entryPoint];
  if (plan === undefined) {
    plan = planOf(frontendSteps(worker, entryPoint, frontend));
    plans[entryPoint] = plan;
  }
  return plan;
}

/** Of a backend that is not plain. null: it does nothing to requests. */
export function backendPlan(backend: BackendView): Plan | null {
  if (backend.plan === undefined) backend.plan = planOf(backendSteps(backend));
  return backend.plan as Plan | null;
}
