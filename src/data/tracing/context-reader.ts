/** What a client says of the trace of its request, in whichever of the fields that are asked for (shared/spec logs §5.1, §5.2). */
import { B3_MULTI, parseB3, parseB3Multi } from '../../http/b3.ts';
import { bitOf } from '../../http/name-bits.ts';
import type { RequestHead } from '../../http/request-head.ts';
import { joinedTracestate, parseTraceparent, type RemoteContext } from '../../http/trace-context.ts';
import type { Propagator } from '../../kernel/tracing-options.ts';

const NONE: readonly string[] = Object.freeze([]);
const FIELDS: Readonly<Record<Propagator, readonly string[]>> = {
  tracecontext: ['traceparent', 'tracestate'],
  b3: ['b3'],
  b3multi: Object.values(B3_MULTI),
  baggage: ['baggage'],
};

/** What has come, valid until the next `read`. */
export class ContextReader {
  /** null: nothing that counts. */
  context: RemoteContext | null = null;
  /** Of the same trace; '' for none. */
  tracestate = '';
  /** The fields as they came, `name: value\r\n` lines: they are off the head. */
  given = '';
  private readonly has: ReadonlySet<Propagator>;
  /** Bits of their names. */
  private readonly names: number;
  private head!: RequestHead;

  constructor(propagation: readonly Propagator[]) {
    this.has = new Set(propagation);
    this.names = propagation.flatMap((each) => FIELDS[each]).reduce((bits, name) => bits | bitOf(name), 0);
  }

  /** Takes them off `head`. `isTrusted`: what they say counts. */
  read(head: RequestHead, isTrusted: boolean): void {
    this.context = null;
    this.tracestate = '';
    this.given = '';
    if (!head.mayHave(this.names)) return;
    this.head = head;
    const { has } = this;
    let context: RemoteContext | null = null;
    if (has.has('b3')) {
      const values = this.take('b3');
      if (values.length === 1) context = parseB3(values[0]);
    }
    if (has.has('b3multi')) context ??= this.readMulti();
    if (has.has('tracecontext')) {
      const parents = this.take('traceparent');
      const states = this.take('tracestate');
      const parent = parents.length === 1 ? parseTraceparent(parents[0]) : null;
      context ??= parent;
      if (isTrusted && parent !== null && context === parent && states.length > 0) {
        this.tracestate = joinedTracestate(states);
      }
    }
    if (isTrusted) this.context = context;
    else if (has.has('baggage')) this.take('baggage');
  }

  private readMulti(): RemoteContext | null {
    const [trace, span, , sampled, flags] = Object.values(B3_MULTI).map((name) => this.take(name));
    if ([trace, span, sampled, flags].some((values) => values.length > 1)) return null;
    return parseB3Multi(trace[0] ?? '', span[0] ?? '', sampled[0] ?? '', flags[0] ?? '');
  }

  private take(name: string): readonly string[] {
    const { head } = this;
    if (!head.mayHave(bitOf(name))) return NONE;
    const values = head.take(name);
    for (const value of values) this.given += `${name}: ${value}\r\n`;
    return values;
  }
}
