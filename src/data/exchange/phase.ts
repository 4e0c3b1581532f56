/**
 * How far an HTTP exchange has come with its request. How far it has come with its response, that knows itself
 * (outgoing-response.ts).
 */

/** Middlewares have it; the request's body is queued. */
export const ADMITTING = 0;
/** All of the request's body is awaited before it is sent. */
export const HOLDING = 1;
/** The next try is put off; the request's body is queued. */
export const PAUSING = 2;
/** Waiting for a connection; the request's body is queued. */
export const CONNECTING = 3;
/** The request is on its way; its body follows as it comes. */
export const SENT = 4;
/** A response has come, or is made by us: there is no further try. */
export const ANSWERED = 5;
