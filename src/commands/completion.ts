/** `tsuji completion`: what a shell reads to complete commands and flags. */
import { quoted } from '../kernel/quote.ts';
import { COMPLETION_SCRIPTS } from './completion-scripts.ts';
import { command } from './run-command.ts';
import { UsageError } from './usage-error.ts';

const HELP = `Prints a script that completes commands, options, flags and what is known of their values. For good:

  bash   tsuji completion bash > /etc/bash_completion.d/tsuji, or in ~/.bashrc: source <(tsuji completion bash)
  zsh    tsuji completion zsh > "\${fpath[1]}/_tsuji", or in ~/.zshrc, behind compinit: source <(tsuji completion zsh)
  fish   tsuji completion fish > ~/.config/fish/completions/tsuji.fish
`;

function isShell(name: string): name is keyof typeof COMPLETION_SCRIPTS {
  return Object.hasOwn(COMPLETION_SCRIPTS, name);
}

export const runCompletion = command('completion', HELP, ({ words: [shell] }) => {
  if (!isShell(shell))
    throw new UsageError(`${quoted(shell)} is none of ${Object.keys(COMPLETION_SCRIPTS).join(', ')}`);
  process.stdout.write(COMPLETION_SCRIPTS[shell]());
  return 0;
});
