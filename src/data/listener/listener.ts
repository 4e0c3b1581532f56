/** What a worker asks of an entrypoint, whichever engine serves it. */
export interface Listener {
  /** Accepts from now on. Rejects with TsujiError LISTEN_FAILED, naming the address. */
  listen(): Promise<void>;
  /**
   * Accepts no more as soon as nobody waits to be accepted, and asks the clients that are there to go when what they have
   * asked for is done.
   */
  drain(): void;
  /** Some answer waits for its client, although its exchange is over. False where the engine does not tell. */
  readonly isBusy: boolean;
  /** Ends the listener and every connection, whatever runs on it. May be called at any time, and twice. */
  close(): void;
}
