/**
 * What Node is started with to serve. Node's code in large pages: a request runs through much of it, and costs 0.94
 * of the CPU time without (bench/README.md). `silent`: where that is not possible it does without. No debugger by
 * SIGUSR1: whoever can reach its port commands the process.
 */
export const SERVE_FLAGS = ['--use-largepages=silent', '--disable-sigusr1'];
