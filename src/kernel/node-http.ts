/**
 * `node:http` and `node:https` without what an import of them takes along: ES modules read every export of what they import,
 * and among those of `node:http` are some that load a whole client first (undici): 30 ms and 3 MB in each thread that does.
 */
export const http = process.getBuiltinModule('node:http');
export const https = process.getBuiltinModule('node:https');
