/** Our own engine, whose parser refuses what two readers could take in two ways. */
import { smugglingTests } from '../harness/smuggling.ts';

await smugglingTests('tsuji');
