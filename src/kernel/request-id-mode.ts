/** `on`: every request gets an id. `pass`: it keeps what it has, if anything. `off`: it is nobody's business. */
export const REQUEST_ID_MODES = ['on', 'pass', 'off'] as const;

export type RequestIdMode = (typeof REQUEST_ID_MODES)[number];

export function isRequestIdMode(text: string): text is RequestIdMode {
  return (REQUEST_ID_MODES as readonly string[]).includes(text);
}
