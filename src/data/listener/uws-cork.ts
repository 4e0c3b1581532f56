/**
 * How much uWebSockets (20.57) may be given at once.
 *
 * Inside `cork` it gathers what is written and sends it at the end. A write that does not fit any more sends first what was
 * gathered; and when the kernel does not take all of that, the write itself is dropped (`uncork` in its AsyncSocket.h; mended
 * after this version, in April 2026). Nothing tells of it: the rest of the response follows, its client waits for the bytes
 * that are missing, and some 30 s later the connection is closed as an idle one. It takes no more than a kernel whose
 * buffer was just filled to the last byte. So what is written in one cork has to fit, but for `tryEnd`, which says how much
 * it took; what never fits goes out within the cork of another response (held-response.ts), which gathers nothing of ours.
 */

/** What fits into one cork. */
const CORK_BYTES = 16_384;
/** What uWS puts around a head and the first piece at most: version, date, its name, close and the framing. */
const HEAD_EXTRA_BYTES = 128;
/** A head that leaves too little room for a piece behind it. */
export const LONG_HEAD_BYTES = 8_192;
/** So much of a body, or of a piece of it, fits with all that uWS puts around it. */
export const PIECE_BYTES = CORK_BYTES - HEAD_EXTRA_BYTES;
