import assert from 'node:assert/strict';
import test from 'node:test';
import { layerProblems, referencesOf } from '../../../scripts/layers.ts';

function problemsOf(files: Record<string, string>): string[] {
  return layerProblems(new Map(Object.entries(files)));
}

test('imports that go down the house are allowed', () => {
  const problems = problemsOf({
    'main.ts': `await import('./start.ts');\n`,
    'start.ts': `import { fleet } from './control/fleet.ts';\nreadFileSync(new URL('../package.json', import.meta.url));\n`,
    'control/fleet.ts': `import { log } from '../kernel/log.ts';\nnew Worker(new URL('../data/worker.ts', import.meta.url));\n`,
    'data/worker.ts': `import uWS from 'uWebSockets.js';\n`,
    'table/input.ts': `import type { Term } from '../rule/terms.ts';\n`,
    'rule/terms.ts': '',
    'kernel/log.ts': 'export const log = 1;\n',
  });
  assert.deepEqual(problems, []);
});

test('an import that goes up or sideways is named with its file and line', () => {
  const problems = problemsOf({
    'data/a.ts': `import {\n  one,\n  two,\n} from '../control/b.ts';\nimport { write } from '../table/writer.ts';\n`,
    'kernel/c.ts': `// nothing\nexport { x } from '../http/d.ts';\n`,
    'main.ts': `await import('./data/worker.ts');\nnew Worker(new URL('./data/worker.ts', import.meta.url));\n`,
    'model/e.ts': `import '../../test/harness/tools.ts';\n`,
    'rule/f.ts': `const text = 1;\nimport type { Table } from '../table/input.ts';\n`,
  });
  assert.deepEqual(problems, [
    'src/data/a.ts:4 imports control/b.ts, not allowed',
    'src/data/a.ts:5 imports table/writer.ts, not allowed',
    'src/kernel/c.ts:2 imports http/d.ts, not allowed',
    'src/main.ts:1 imports data/worker.ts, not allowed',
    'src/main.ts:2 imports data/worker.ts, not allowed',
    'src/model/e.ts:1 imports ../test/harness/tools.ts, not allowed',
    'src/rule/f.ts:2 imports table/input.ts, not allowed',
  ]);
});

test('where only types may be imported, a value is refused, also beside a type', () => {
  const table = (clause: string) =>
    problemsOf({ 'table/a.ts': `import ${clause} from '../rule/terms.ts';\n`, 'rule/terms.ts': '' }).length;
  assert.equal(table('type { A, B }'), 0);
  assert.equal(table('{ type A, type B }'), 0);
  assert.equal(table('{ type A, b }'), 1);
  assert.equal(table('* as terms'), 1);
});

test('a cycle of values is found and shown, a cycle through a type is not one', () => {
  const problems = problemsOf({
    'http/a.ts': `import { b } from './b.ts';\n`,
    'http/b.ts': `import { c } from './c.ts';\n`,
    'http/c.ts': `import { a } from './a.ts';\n`,
    'http/d.ts': `import type { A } from './e.ts';\n`,
    'http/e.ts': `import { d } from './d.ts';\n`,
  });
  assert.deepEqual(problems, ['src/http/a.ts:1 imports itself: http/a.ts → http/b.ts → http/c.ts → http/a.ts']);
});

test('two files may know each other by their types, three in a circle may not', () => {
  const circle = problemsOf({
    'http/a.ts': `import type { B } from './b.ts';\n`,
    'http/b.ts': `import type { C } from './c.ts';\n`,
    'http/c.ts': `import { a } from './a.ts';\n`,
    'http/d.ts': `import type { E } from './e.ts';\n`,
    'http/e.ts': `import type { D } from './d.ts';\n`,
  });
  assert.deepEqual(circle, [
    'src/http/a.ts:1 knows itself by its types: http/a.ts → http/b.ts → http/c.ts → http/a.ts',
  ]);
});

test('index files and files outside every layer are refused', () => {
  assert.deepEqual(problemsOf({ 'model/index.ts': '', 'extras/a.ts': '' }), [
    'src/model/index.ts:1 is an index file, not allowed',
    'src/extras/a.ts:1 belongs to no layer, not allowed',
  ]);
});

test('what makes each start dearer is imported late or in part', () => {
  const problems = problemsOf({
    'control/a.ts': `import { request } from 'node:http';\nimport type { Agent } from 'node:https';\n`,
    'data/b.ts': `import {\n  compactVerify,\n} from 'jose';\nconst late = await import('jose');\n`,
    'control/tls/ocsp.ts': `import * as pkijs from 'pkijs';\n`,
  });
  assert.deepEqual(problems, [
    'src/control/a.ts:1 imports node:http, which is dear: import { http } from src/kernel/node-http.ts',
    'src/data/b.ts:3 imports jose, which is dear: use import() where it is needed',
  ]);
});

test('imports in comments are not imports', () => {
  assert.deepEqual(
    referencesOf(`// import a from './a.ts';\n * await import('./b.ts')\n/** import c from './c.ts'; */\n`),
    [],
  );
});
