/** The fields of B3, in which Zipkin tells of traces (openzipkin/b3-propagation; shared/spec logs §5.2). */
import { isZero } from '../kernel/random-hex.ts';
import { isHex, type RemoteContext } from './trace-context.ts';

export const B3_MULTI = {
  traceId: 'x-b3-traceid',
  spanId: 'x-b3-spanid',
  parentSpanId: 'x-b3-parentspanid',
  sampled: 'x-b3-sampled',
  flags: 'x-b3-flags',
} as const;

const SHORT = 16;
const LONG = 32;

/** Of 16 or 32 digits, as 32; '' for none. */
function traceIdOf(text: string): string {
  if (text.length !== SHORT && text.length !== LONG) return '';
  const id = text.toLowerCase();
  return isHex(id, 0, id.length) && !isZero(id) ? id.padStart(LONG, '0') : '';
}

function spanIdOf(text: string): string {
  const id = text.toLowerCase();
  return text.length === SHORT && isHex(id, 0, SHORT) && !isZero(id) ? id : '';
}

/** What is decided; undefined for a text that says nothing. */
function decisionOf(text: string): Pick<RemoteContext, 'sampled' | 'debug'> | undefined {
  switch (text) {
    case '1':
    case 'true':
      return { sampled: true, debug: false };
    case '0':
    case 'false':
      return { sampled: false, debug: false };
    case 'd':
      return { sampled: true, debug: true };
    case '':
      return { sampled: null, debug: false };
    default:
      return undefined;
  }
}

/** Of a `b3`: `trace-span[-sampled[-parent]]`, or what is decided alone. null for one that is none. */
export function parseB3(text: string): RemoteContext | null {
  const parts = text.split('-', 5);
  if (parts.length === 1) {
    const decision = text === '' ? undefined : decisionOf(text);
    return decision === undefined ? null : { traceId: '', spanId: '', ...decision };
  }
  const [trace, span, sampled = '', parent] = parts;
  const traceId = traceIdOf(trace);
  const spanId = spanIdOf(span);
  const decision = parts.length > 2 && sampled === '' ? undefined : decisionOf(sampled);
  if (traceId === '' || spanId === '' || decision === undefined || parts.length > 4) return null;
  return parent !== undefined && spanIdOf(parent) === '' ? null : { traceId, spanId, ...decision };
}

/** Of the `X-B3-*` fields; '' for one that is not there. null where they say nothing, or no trace. */
export function parseB3Multi(traceId: string, spanId: string, sampled: string, flags: string): RemoteContext | null {
  const decision = flags === '1' ? decisionOf('d') : decisionOf(sampled);
  if (decision === undefined) return null;
  if (traceId === '' && spanId === '')
    return decision.sampled === null ? null : { traceId: '', spanId: '', ...decision };
  const trace = traceIdOf(traceId);
  const span = spanIdOf(spanId);
  return trace === '' || span === '' ? null : { traceId: trace, spanId: span, ...decision };
}

function decision(sampled: boolean, debug: boolean): string {
  return debug ? 'd' : sampled ? '1' : '0';
}

/** As sent on; `parentId`: '' for none. */
export function b3(traceId: string, spanId: string, parentId: string, sampled: boolean, debug: boolean): string {
  const text = `${traceId}-${spanId}-${decision(sampled, debug)}`;
  return parentId === '' ? text : `${text}-${parentId}`;
}

/** The same as `name: value\r\n` lines. */
export function b3MultiLines(
  traceId: string,
  spanId: string,
  parentId: string,
  sampled: boolean,
  debug: boolean,
): string {
  const parent = parentId === '' ? '' : `${B3_MULTI.parentSpanId}: ${parentId}\r\n`;
  // Whoever keeps a trace whatever there are says nothing of samples.
  const decided = debug ? `${B3_MULTI.flags}: 1\r\n` : `${B3_MULTI.sampled}: ${sampled ? '1' : '0'}\r\n`;
  return `${B3_MULTI.traceId}: ${traceId}\r\n${B3_MULTI.spanId}: ${spanId}\r\n${parent}${decided}`;
}
