/** Why a client is refused something or ended, because it costs more than it may: the label `reason` of their count. */
export const PROTECTIONS = [
  /** Frames that are of no use by themselves. */
  'control_frames',
  /** Streams that came to nothing, by a reset of the client's or by an error of its. */
  'wasted_streams',
  /** A header block too long, in too many pieces, or more that is cut than a worker keeps. */
  'header_block',
  /** More or longer fields than a head may have. */
  'fields',
  /** More streams at once than were allowed. */
  'streams',
  /** Heads that are held at the same time. */
  'heads',
  /** A client that is not read because it takes no answers. */
  'unread_answers',
  /** No progress of one stream, or of its connection. */
  'stalled_stream',
  'stalled_connection',
  /** A head, or the start of a connection, that does not come to its end. */
  'slow_head',
  'settings_timeout',
] as const;

export type Protection = (typeof PROTECTIONS)[number];
