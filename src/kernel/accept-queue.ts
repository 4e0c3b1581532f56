/**
 * The end of a listening socket. The kernel resets connections that wait to be accepted when it is closed (unless it may
 * hand them to another socket of the port: net.ipv4.tcp_migrate_req), and there is no way to let nothing new in before.
 * So it goes on accepting, and is closed behind a turn of the event loop that found nothing waiting and was short: then
 * hardly anything can have come since.
 */

/** By so much longer may a turn be for each one that went before, milliseconds. */
const MORE_PER_TURN = 0.01;
/** So many turns that all found something waiting are a flood. */
const MOST_TURNS = 1_000;

/** `accepted`: how many connections have been accepted until now. `close` is called once, some turns from now. */
export function whenQueueIsEmpty(accepted: () => number, close: () => void): void {
  let before = accepted();
  let turns = 0;
  let startedAt = performance.now();
  const look = (): void => {
    const now = performance.now();
    const count = accepted();
    const isQuiet = count === before && now - startedAt <= turns * MORE_PER_TURN;
    if (isQuiet || turns >= MOST_TURNS) {
      close();
      return;
    }
    turns++;
    before = count;
    startedAt = now;
    setImmediate(look);
  };
  setImmediate(look);
}
