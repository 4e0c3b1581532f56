export const SERVE_FLAGS: readonly string[];
export const ASK_FLAGS: readonly string[];
