/** node:http, whose parser is strict. */
import { smugglingTests } from '../harness/smuggling.ts';

await smugglingTests('node');
