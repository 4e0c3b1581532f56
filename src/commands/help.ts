/** `tsuji help`: commands on one screen, or all flags with `all`. Of one command that does it itself (command.ts). */
import { nearestName } from '../kernel/nearest.ts';
import { quoted } from '../kernel/quote.ts';
import { COMMAND_ROWS } from '../settings/command-rows.ts';
import { helpText, shortHelp } from '../settings/help.ts';
import { command } from './run-command.ts';
import { UsageError } from './usage-error.ts';

const HELP = `Says what one command does and takes; with "all", all commands and all flags.
`;

export const runHelp = command('help', HELP, ({ words: [word] }) => {
  const name = word?.toLowerCase();
  if (name === undefined || name === 'all') {
    process.stdout.write(name === undefined ? shortHelp() : helpText());
    return 0;
  }
  const near = nearestName(
    name,
    COMMAND_ROWS.map((row) => row.name),
  );
  throw new UsageError(`unknown command ${quoted(word)}${near === null ? '' : `; did you mean ${near}?`}`);
});
