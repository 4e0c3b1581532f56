/** The encodings by name. */
import type { SpanEncoding } from '../kernel/tracing-options.ts';
import { JSON_TEXT } from './json.ts';
import { PROTOBUF } from './protobuf.ts';
import type { Encoding } from './span.ts';

export function encodingOf(name: SpanEncoding): Encoding {
  return name === 'json' ? JSON_TEXT : PROTOBUF;
}
