/** The program `tsuji` of a release. */
import { ASK_FLAGS, SERVE_FLAGS } from '../node-flags.mjs';

/** A script for every POSIX shell. */
export function launcherText(): string {
  return `#!/bin/sh
# Starts tsuji with the Node beside it, in the place of this shell, so that signals reach tsuji itself.
self=$0
while [ -L "$self" ]; do
  link=$(readlink -- "$self")
  case $link in /*) self=$link ;; *) self=$(dirname -- "$self")/$link ;; esac
done
# A folder that is a link stays one: when it leads to another version, SIGUSR2 starts that.
home=$(cd -- "$(dirname -- "$self")" && pwd -L) || exit 1
# What V8 has compiled is kept for the next start, in the folder of the service manager or the user's own. Node keeps
# apart what another Node, processor or user has made, and does without where it cannot write.
cache=\${CACHE_DIRECTORY:-}
cache=\${cache%%:*}
if [ -z "$cache" ] && [ -n "\${HOME:-}" ] && [ -O "$HOME" ]; then cache=\${XDG_CACHE_HOME:-$HOME/.cache}/tsuji; fi
if [ -n "$cache" ]; then export NODE_COMPILE_CACHE="\${NODE_COMPILE_CACHE-$cache/compiled}"; fi
case \${1:-} in
healthcheck | version | --version | --help | -h) exec "$home/node" ${ASK_FLAGS.join(' ')} "$home/js/main.js" "$@" ;;
*) exec "$home/node" ${SERVE_FLAGS.join(' ')} "$home/js/main.js" "$@" ;;
esac
`;
}
