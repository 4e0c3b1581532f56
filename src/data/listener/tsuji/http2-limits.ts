/** Bounds of HTTP/2 towards clients: times in milliseconds, sizes in bytes. */

/** Streams of one connection whose exchanges have not let go of them. */
export const MAX_STREAMS = 250;
/** New ones that one read of a connection may bring. */
export const NEW_STREAMS_PER_READ = 2 * MAX_STREAMS;
/** Heads that the streams of a connection may hold at the same time, as RFC 9113 §6.5.2 counts: 250 of 16 KiB. */
export const CONNECTION_HEADS = 4_194_304;
/** Below that the heads of a connection do not count for the budget of the worker. */
export const FREE_HEADS = 65_536;
/** What a client may send of a body before it is passed on: at first, and when it is held back by that (README "HTTP/2"). */
export const STREAM_WINDOW = 131_072;
export const MOST_STREAM_WINDOW = 1_048_576;
/** What the windows of one connection may grow by, together. */
export const WINDOW_GROWTH = 4_194_304;
/** Header blocks and frames that are cut, of all connections of a worker. */
export const WORKER_CUT = 16_777_216;

/** Once so much waits for the system, streams wait for their turn. */
export const SEND_AHEAD = 262_144;
/** Acknowledgements and resets that wait for the system: beyond that the client is not read. */
export const MAX_UNSENT_CONTROL = 65_536;

/** Until our SETTINGS must have been acknowledged (RFC 9113 §6.5.3). */
export const SETTINGS_ACK_MS = 10_000;
/** Between the two steps in which a connection goes away (RFC 9113 §6.8), for clients that answer no PING. */
export const GOAWAY_MS = 1_000;

/** Streams that we have reset, of which late frames are no error: as many as may run. */
export const REMEMBERED_RESETS = 256;

/**
 * What a connection may waste: streams that a client takes back before they are answered, or that we have to reset or
 * refuse (CVE-2023-44487, CVE-2025-8671): so much at once, then per second, and one for each exchange that comes to its end.
 */
export const WASTE_BURST = 300;
export const WASTE_PER_SECOND = 50;
/** What a SETTINGS frame counts for among control frames, besides one for each of its entries. */
export const SETTINGS_COST = 10;
