/**
 * Preloaded into tsuji by tests (`--import`): steps of the control plane that fail for objects of a certain name, in
 * whichever thread they are taken, and a file whose appearance is an uncaught error on the main thread.
 */
import { existsSync, rmSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { Breakers } from '../../src/control/balancing/breakers.ts';
import { EffectiveWeights } from '../../src/control/balancing/weights.ts';
import { HealthChecks } from '../../src/control/health-checks/health-checks.ts';
import { Certificates } from '../../src/control/tls/certificates.ts';
import { ProblemList } from '../../src/kernel/problems.ts';
import { SlotRegistry } from '../../src/shared/slots.ts';
import { StringHeap } from '../../src/table/build-buffers.ts';
import { CandidateIndex } from '../../src/table/candidates.ts';
import { poison } from './poison.ts';

poison(ProblemList, 'add', 'poison-model');
poison(SlotRegistry, 'hold', 'poison-slot');
poison(StringHeap, 'add', 'poison-heap');
poison(CandidateIndex, 'add', 'poison-index');
poison(EffectiveWeights, 'learn', 'poison-weights');
poison(Breakers, 'breakerOf', 'poison-breaker');
poison(Breakers, 'view', 'poison-page');
poison(HealthChecks, 'followBackend', 'poison-health');
poison(Certificates, 'fromKeys', 'poison-certificate');

const file = process.env.TSUJI_TEST_UNCAUGHT ?? '';
if (isMainThread && file !== '') {
  setInterval(() => {
    if (!existsSync(file)) return;
    rmSync(file);
    throw new Error('injected fault');
  }, 20).unref();
}
