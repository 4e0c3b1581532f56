/** `npm run assemble`: makes src/access-log/compose-code.ts of compose.wat. wabt is what the format's own makers offer for it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import wabt from 'wabt';

const FOLDER = join(import.meta.dirname, '../src/access-log');
const SOURCE = 'compose.wat';
export const CODE_FILE = join(FOLDER, 'compose-code.ts');

const MOST_CHARACTERS = 110;

/** The text of compose-code.ts. */
export async function codeText(): Promise<string> {
  const { parseWat } = await wabt();
  const module = parseWat(SOURCE, readFileSync(join(FOLDER, SOURCE), 'utf8'), { threads: true, simd: true });
  const code = Buffer.from(module.toBinary({}).buffer).toString('base64');
  module.destroy();
  const lines = code.match(new RegExp(`.{1,${MOST_CHARACTERS}}`, 'g')) ?? [];
  return [
    '/** WebAssembly made of compose.wat by `npm run assemble`, in base64. */',
    'export const COMPOSE_CODE =',
    `${lines.map((line) => `  '${line}'`).join(' +\n')};`,
    '',
  ].join('\n');
}

if (import.meta.main) writeFileSync(CODE_FILE, await codeText());
