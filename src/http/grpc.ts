/** What a proxy has to know of gRPC (its PROTOCOL-HTTP2.md and PROTOCOL-WEB.md). */
import { headField } from './fields.ts';

/** What a request is by its Content-Type. */
export const NO_GRPC = 0;
export const GRPC = 1;
export const GRPC_WEB = 2;

/** What most names of its types begin with. */
export const GRPC_TYPE = 'application/grpc';

/** NO_GRPC, GRPC or GRPC_WEB. */
export function grpcKindOf(contentType: string): number {
  const lower = contentType.toLowerCase();
  if (!lower.startsWith(GRPC_TYPE)) return NO_GRPC;
  return lower.startsWith(`${GRPC_TYPE}-web`) ? GRPC_WEB : GRPC;
}

/** The status of a call in the lines of a head or of trailers; -1 for none. */
export function grpcStatusOf(lines: string): number {
  const value = headField(lines, 'grpc-status');
  return /^[0-9]{1,2}$/.test(value) ? Number(value) : -1;
}
