/** Bounds of HTTP/1 towards clients: times in milliseconds. */

/**
 * A client that has ended its side, and takes nothing of an answer for so long, has left: nothing else tells a half-closed
 * connection from a closed one. nginx and Pingora take each of them for closed, at once.
 */
export const HALF_CLOSED_MS = 5_000;
/** A quiet tunnel whose client has ended its side asks the client's system so often whether somebody is there. */
export const HALF_CLOSED_PROBE_MS = 15_000;

/** How long a connection that rests may go on doing so while the worker drains. */
export const IDLE_DRAIN_MS = 250;

/** Requests of one connection that run at the same time when its client does not wait for answers. */
export const MAX_PIPELINED = 32;
/** What one connection may cause in one turn of the event loop: so many pieces of bodies, or requests at REQUEST_COST. */
export const TURN_SHARE = 512;
export const REQUEST_COST = 16;
