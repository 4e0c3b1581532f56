/**
 * What Node is started with to serve. Node's code in large pages: a request runs through much of it, and costs 0.94
 * of the CPU time without (bench/README.md). `silent`: where that is not possible it does without. No debugger by
 * SIGUSR1: whoever can reach its port commands the process.
 */
export const SERVE_FLAGS = ['--use-largepages=silent', '--disable-sigusr1'];
/** For what asks something and ends: to move Node's code into large pages costs more than all the rest of that. */
export const ASK_FLAGS = ['--disable-sigusr1'];
