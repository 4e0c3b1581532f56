/** The command line of `npm run bench`. */

export type RunOptions = {
  readonly kind: 'run';
  readonly quick: boolean;
  /** null: as many as the scenario says, within the time limit. */
  readonly rounds: number | null;
  /** Empty: all. */
  readonly scenarios: readonly string[];
  /** Empty: all that are installed. */
  readonly peers: readonly string[];
};

export type CompareOptions = {
  readonly kind: 'compare';
  readonly before: string;
  readonly after: string;
  readonly rounds: number;
  /** Of each revision. */
  readonly processes: number;
  readonly scenarios: readonly string[];
  /** Flags for tsuji on both sides. */
  readonly flags: readonly string[];
};

type RoundsOf<Kind extends string> = { readonly kind: Kind; readonly rounds: number };
export type FeaturesOptions = RoundsOf<'features'> & {
  /** Parts of the names of those that are measured; empty: all. */
  readonly scenarios: readonly string[];
};
export type LogOptions = RoundsOf<'log'> & {
  /** Requests that each connection has under way, to tsuji and from it to servers. */
  readonly pipelining: number;
};
export type PasswordsOptions = RoundsOf<'passwords'>;

export type EnginesOptions = {
  readonly kind: 'engines';
  /** Whose works are measured when none is named. */
  readonly command: 'tls' | 'engines';
  readonly rounds: number;
  /** Of each proxy. */
  readonly processes: number;
  readonly scenarios: readonly string[];
  readonly peers: readonly string[];
};

export type SoakOptions = {
  readonly kind: 'soak';
  readonly minutes: number;
};

export type ChaosOptions = {
  readonly kind: 'chaos';
  readonly seconds: number;
  /** null: of the time. */
  readonly seed: number | null;
  /** Folder for the logs of the nodes when something is wrong, '' for none. */
  readonly keep: string;
};

export type FleetOptions = {
  readonly kind: 'fleet';
  readonly nodes: number;
  readonly frontends: number;
};

export type DashboardOptions = { readonly kind: 'dashboard'; readonly frontends: number };

export type UpdatesOptions = {
  readonly kind: 'updates';
  readonly frontends: readonly number[];
  /** Empty: all that are installed. */
  readonly peers: readonly string[];
};

export type Options =
  | RunOptions
  | CompareOptions
  | FeaturesOptions
  | LogOptions
  | PasswordsOptions
  | EnginesOptions
  | { readonly kind: 'most' }
  | SoakOptions
  | ChaosOptions
  | FleetOptions
  | DashboardOptions
  | UpdatesOptions
  | { readonly kind: 'help' }
  | { readonly kind: 'error'; readonly message: string };

export const HELP = `npm run bench -- [options]
  --quick              under a minute: the small and the 1 MiB body and the latency histogram
  --rounds=N           interleaved rounds of every scenario (the time is then not bounded)
  --scenario=A,B       only these scenarios
  --scenario=routes    1 to 100 000 routes, some ten minutes, only when it is named; also routes-hosts, routes-paths,
                       routes-host-templates, routes-path-templates
  --peers=A,B          only these proxies
npm run bench -- compare REV1 REV2 [options] [-- FLAGS FOR TSUJI]
                       two git revisions against each other; "work" is the work tree as it stands
  --rounds=N           pairs of measurements (default 7)
  --processes=N        of each revision (default 1)
  --scenario=A,B       default: small
npm run bench -- features [--rounds=N] [--scenario=PART,PART]
                       what options of a frontend cost a request, against a frontend without any
npm run bench -- log [--rounds=N] [--pipelining=N]
                       what a line of the access log costs, in its forms, and in nginx; with N requests under way on each
                       connection, to Engine:tsuji and from it, there are more lines in a second
npm run bench -- passwords [--rounds=N]
                       what clients with wrong passwords do to whoever asks for something else
npm run bench -- tls [--rounds=N] [--processes=N] [--scenario=A,B] [--peers=A,B]
npm run bench -- engines [the same]
                       HTTP/2, HTTP/1.1, handshakes, idle connections and gRPC over TLS; HTTP/1.1 in the clear
npm run bench -- updates [--frontends=N,M] [--peers=A,B]
                       changes while requests come, with 1 000, 10 000 and 100 000 frontends
npm run bench -- fleet [--nodes=N] [--frontends=N]
                       what 100 nodes with 100 000 frontends mean for etcd
npm run bench -- dashboard [--frontends=N]
                       what a page of the dashboard costs with 5 000 frontends, and all its screens by the rules of axe-core
npm run bench -- most    what one client can make tsuji hold
npm run bench -- soak [--minutes=N]
                       mixed traffic, changes of keys, servers that die; 3 minutes, 30 at most
npm run bench -- chaos [SECONDS] [--seed=N] [--keep=FOLDER]
                       servers, workers, nodes, etcd and its network fail at random; 60 s, 1800 at most; --keep: logs
                       of the nodes, if something is wrong`;

const FLEET = { nodes: 100, frontends: 100_000 };
const DASHBOARD_FRONTENDS = 5_000;
const UPDATE_SIZES = [1_000, 10_000, 100_000];
const SOAK_MINUTES = 3;
const MOST_SOAK_MINUTES = 30;
const CHAOS_SECONDS = 60;
const MOST_CHAOS_SECONDS = 1_800;
const MOST_PROCESSES = 8;
/** That Engine:tsuji runs at a time. */
const MOST_PIPELINING = 32;

function list(value: string): string[] {
  return value.split(',').filter((name) => name !== '');
}

/** Arguments after the script's name. */
export function parseOptions(args: readonly string[]): Options {
  const end = args.indexOf('--');
  const flags = end < 0 ? [] : args.slice(end + 1);
  let quick = false;
  let rounds: number | null = null;
  let scenarios: string[] = [];
  let peers: string[] = [];
  let minutes: number | null = null;
  let frontends: number[] = [];
  let processes: number | null = null;
  let pipelining: number | null = null;
  let seed: number | null = null;
  let keep = '';
  let nodes: number | null = null;
  const words: string[] = [];
  for (const arg of end < 0 ? args : args.slice(0, end)) {
    const [name, value = ''] = arg.split(/=(.*)/s, 2) as [string, string?];
    if (name === '--help' || name === '-h') return { kind: 'help' };
    if (name === '--quick' && value === '') quick = true;
    else if (name === '--rounds') {
      rounds = Number(value);
      if (!Number.isInteger(rounds) || rounds < 1 || rounds > 1_000) {
        return { kind: 'error', message: `--rounds=${value}: must be a whole number from 1 to 1000` };
      }
    } else if (name === '--minutes') {
      minutes = Number(value);
      if (!(minutes > 0 && minutes <= MOST_SOAK_MINUTES)) {
        return { kind: 'error', message: `--minutes=${value}: must be a number above 0, at most ${MOST_SOAK_MINUTES}` };
      }
    } else if (name === '--processes') {
      processes = Number(value);
      if (!Number.isInteger(processes) || processes < 1 || processes > MOST_PROCESSES) {
        return { kind: 'error', message: `--processes=${value}: must be a whole number from 1 to ${MOST_PROCESSES}` };
      }
    } else if (name === '--pipelining') {
      pipelining = Number(value);
      if (!Number.isInteger(pipelining) || pipelining < 1 || pipelining > MOST_PIPELINING) {
        return { kind: 'error', message: `--pipelining=${value}: must be a whole number from 1 to ${MOST_PIPELINING}` };
      }
    } else if (name === '--seed') {
      seed = Number(value);
      if (value === '' || !Number.isSafeInteger(seed) || seed < 0) {
        return { kind: 'error', message: `--seed=${value}: must be a whole number` };
      }
    } else if (name === '--keep' && value !== '') keep = value;
    else if (name === '--nodes') {
      nodes = Number(value);
      if (!Number.isInteger(nodes) || nodes < 1 || nodes > 10_000) {
        return { kind: 'error', message: `--nodes=${value}: must be a whole number from 1 to 10000` };
      }
    } else if (name === '--frontends') {
      frontends = list(value).map(Number);
      if (frontends.length === 0 || !frontends.every((each) => Number.isInteger(each) && each >= 1 && each < 1e6)) {
        return { kind: 'error', message: `--frontends=${value}: must be whole numbers from 1 to 999999` };
      }
    } else if (name === '--scenario' && value !== '') scenarios = list(value);
    else if (name === '--peers' && value !== '') peers = list(value);
    else if (arg.startsWith('-')) return { kind: 'error', message: `${arg}: no such option\n${HELP}` };
    else words.push(arg);
  }
  if (words[0] === 'chaos' && words.length <= 2) {
    const seconds = Number(words[1] ?? CHAOS_SECONDS);
    if (!(seconds >= 1 && seconds <= MOST_CHAOS_SECONDS)) {
      return { kind: 'error', message: `chaos ${words[1]}: must be seconds, from 1 to ${MOST_CHAOS_SECONDS}` };
    }
    if (args.length > words.length + (seed === null ? 0 : 1) + (keep === '' ? 0 : 1)) {
      return { kind: 'error', message: 'chaos takes seconds, --seed and --keep' };
    }
    return { kind: 'chaos', seconds, seed, keep };
  }
  if (words.length === 1 && words[0] === 'fleet') {
    if (args.length > 1 + (nodes === null ? 0 : 1) + (frontends.length === 1 ? 1 : 0)) {
      return { kind: 'error', message: 'fleet takes --nodes and one number of --frontends' };
    }
    return { kind: 'fleet', nodes: nodes ?? FLEET.nodes, frontends: frontends[0] ?? FLEET.frontends };
  }
  if (words.length === 1 && words[0] === 'dashboard') {
    if (args.length > 1 + (frontends.length === 1 ? 1 : 0)) {
      return { kind: 'error', message: 'dashboard takes one number of --frontends' };
    }
    return { kind: 'dashboard', frontends: frontends[0] ?? DASHBOARD_FRONTENDS };
  }
  if (nodes !== null) return { kind: 'error', message: '--nodes belongs to fleet' };
  if (seed !== null || keep !== '') return { kind: 'error', message: '--seed and --keep belong to chaos' };
  if (words.length === 1 && words[0] === 'soak') {
    if (quick || rounds !== null || scenarios.length > 0 || peers.length > 0 || flags.length > 0) {
      return { kind: 'error', message: 'soak takes --minutes and nothing else' };
    }
    return { kind: 'soak', minutes: minutes ?? SOAK_MINUTES };
  }
  const [command] = words;
  if (pipelining !== null && command !== 'log') return { kind: 'error', message: '--pipelining belongs to log' };
  if (words.length === 1 && (command === 'features' || command === 'passwords' || command === 'log')) {
    const hasScenarios = command === 'features';
    if (quick || minutes !== null || (!hasScenarios && scenarios.length > 0) || peers.length > 0 || flags.length > 0) {
      const more = hasScenarios ? ' and --scenario' : command === 'log' ? ' and --pipelining' : '';
      return { kind: 'error', message: `${command} takes --rounds${more}` };
    }
    if (command === 'features') return { kind: command, rounds: rounds ?? 7, scenarios };
    if (command === 'log') return { kind: command, rounds: rounds ?? 9, pipelining: pipelining ?? 1 };
    return { kind: command, rounds: rounds ?? 3 };
  }
  if (words.length === 1 && (command === 'tls' || command === 'engines')) {
    if (quick || minutes !== null || flags.length > 0) {
      return { kind: 'error', message: `${command} takes --rounds, --processes, --scenario and --peers` };
    }
    return { kind: 'engines', command, rounds: rounds ?? 5, processes: processes ?? 2, scenarios, peers };
  }
  if (words.length === 1 && command === 'updates') {
    if (quick || rounds !== null || minutes !== null || scenarios.length > 0 || flags.length > 0) {
      return { kind: 'error', message: 'updates takes --frontends and --peers' };
    }
    return { kind: 'updates', frontends: frontends.length > 0 ? frontends : [...UPDATE_SIZES], peers };
  }
  if (frontends.length > 0) return { kind: 'error', message: '--frontends belongs to updates' };
  if (command === 'most') {
    if (args.length > 1) return { kind: 'error', message: 'most takes no options' };
    return { kind: 'most' };
  }
  if (processes !== null && command !== 'compare') {
    return { kind: 'error', message: '--processes belongs to tls, engines and compare' };
  }
  if (minutes !== null) return { kind: 'error', message: '--minutes belongs to soak' };
  if (words.length === 0) {
    if (flags.length > 0) return { kind: 'error', message: 'flags for tsuji after -- belong to compare' };
    return { kind: 'run', quick, rounds, scenarios, peers };
  }
  if (words[0] !== 'compare' || words.length !== 3) {
    return { kind: 'error', message: `${words.join(' ')}: not understood\n${HELP}` };
  }
  if (quick || peers.length > 0) return { kind: 'error', message: '--quick and --peers do not go with compare' };
  return {
    kind: 'compare',
    before: words[1]!,
    after: words[2]!,
    rounds: rounds ?? 7,
    processes: processes ?? 1,
    scenarios: scenarios.length > 0 ? scenarios : ['small'],
    flags,
  };
}
