/** uWebSockets, and what this listener does about its gaps. */
import { smugglingTests } from '../harness/smuggling.ts';

await smugglingTests('uws');
