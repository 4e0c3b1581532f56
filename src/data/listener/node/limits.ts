/** Bounds of the node engine: times in milliseconds, sizes in bytes. */

/**
 * A client that has ended its side, and takes nothing of an answer for so long, has left: nothing else tells a half-closed
 * connection from a closed one. nginx and Pingora take each of them for closed, at once.
 */
export const HALF_CLOSED_MS = 5_000;
/** A quiet tunnel whose client has ended its side asks the client's system so often whether somebody is there. */
export const HALF_CLOSED_PROBE_MS = 15_000;

/** Longest request head: as nginx with `large_client_header_buffers 8 8k`. */
export const MAX_HEAD_BYTES = 65_536;
/** Requests of one connection that run at the same time when its client does not wait for answers. */
export const MAX_PIPELINED = 32;
/** What the parser is given at once while heads or small pieces come, and the most once a body comes in long ones. */
export const MIN_SLICE_BYTES = 2_048;
export const MAX_SLICE_BYTES = 16_384;
/** What one connection may cause in one turn of the event loop: so many pieces of bodies, or requests at REQUEST_COST. */
export const TURN_SHARE = 512;
export const REQUEST_COST = 16;
/** Pieces of a request's body that came with one read are put together up to this. */
export const MAX_MERGED_BYTES = 65_536;

/** Of HTTP/2. */
export const MAX_STREAMS = 250;
/** A field costs so many bytes besides its text (RFC 9113 §6.5.2). */
export const FIELD_BYTES = 32;
/** Heads that the streams of a session may hold at the same time, counted so: 250 of 16 KiB. */
export const SESSION_HEADS = 4_194_304;
/** What a client may send before it is read: per stream, and of all streams together. */
export const STREAM_WINDOW = 131_072;
export const SESSION_WINDOW = 4_194_304;
/** What a session may hold of our memory, megabytes. */
export const SESSION_MEMORY_MB = 32;
/** Frames that a session may send wrong, or empty, and streams that it may open beyond what it may. */
export const MAX_INVALID_FRAMES = 100;
export const MAX_REJECTED_STREAMS = 100;
/** Streams that a client may take back: so many at once, then so many per second. */
export const RESET_BURST = 300;
export const RESETS_PER_SECOND = 50;
export const MAX_SETTINGS = 32;
/** Of a frame, before its payload. */
export const FRAME_HEAD = 9;
