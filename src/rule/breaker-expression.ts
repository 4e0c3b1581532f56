/**
 * The expression of a circuit breaker → its condition. Go's syntax, as far as Traefik 1.x gives it a meaning (shared/spec
 * kv-schema §4.4):
 *
 *     or         := and { "||" and }
 *     and        := comparison { "&&" comparison }
 *     comparison := operand { ( "<" | "<=" | ">" | ">=" | "==" | "!=" ) operand }
 *     operand    := "(" or ")" | number | name "(" [ number { "," number } ] ")"
 *
 * The types decide the rest: a function stands on the left of a comparison and a number of its type on the right, and
 * only comparisons can be joined.
 */

import {
  type BreakerCondition,
  type BreakerMetric,
  COMPARISONS,
  type Comparison,
} from '../kernel/breaker-condition.ts';
import { TsujiError } from '../kernel/errors.ts';
import { nearestName } from '../kernel/nearest.ts';
import { quoted } from '../kernel/quote.ts';

/** Ours: far above any use, so that no key can make a deep tree. */
const MAX_LENGTH = 2048;
const MAX_NESTING = 50;

type NumberType = 'int' | 'float';

type Token = {
  readonly kind: 'name' | NumberType | 'symbol' | 'end';
  readonly text: string;
  /** Characters from 1. */
  readonly position: number;
};

type Operand =
  | { readonly kind: 'condition'; readonly condition: BreakerCondition }
  | { readonly kind: 'metric'; readonly metric: BreakerMetric; readonly type: NumberType; readonly name: string }
  | { readonly kind: 'number'; readonly type: NumberType; readonly value: number; readonly text: string };

type Located = Operand & { readonly position: number };

type FunctionRow = {
  readonly takes: NumberType;
  readonly parameters: number;
  readonly gives: NumberType;
  readonly usage: string;
  readonly metric: (values: readonly number[]) => BreakerMetric;
};

const FUNCTIONS: ReadonlyMap<string, FunctionRow> = new Map<string, FunctionRow>([
  [
    'NetworkErrorRatio',
    {
      takes: 'int',
      parameters: 0,
      gives: 'float',
      usage: 'no argument: NetworkErrorRatio()',
      metric: () => ({ kind: 'networkErrorRatio' }),
    },
  ],
  [
    'ResponseCodeRatio',
    {
      takes: 'int',
      parameters: 4,
      gives: 'float',
      usage: 'four whole numbers, as in ResponseCodeRatio(500, 600, 0, 600)',
      metric: ([fromA, toA, fromB, toB]) => ({
        kind: 'responseCodeRatio',
        counted: { from: fromA, to: toA },
        base: { from: fromB, to: toB },
      }),
    },
  ],
  [
    'LatencyAtQuantileMS',
    {
      takes: 'float',
      parameters: 1,
      gives: 'int',
      usage: 'one number with a decimal point, as in LatencyAtQuantileMS(50.0)',
      metric: ([quantile]) => ({ kind: 'latencyAtQuantile', quantile }),
    },
  ],
]);

const NAMES = [...FUNCTIONS.keys()];

function expressionError(reason: string, position: number): TsujiError {
  return new TsujiError('BAD_EXPRESSION', `${reason} (at character ${position} of the expression)`);
}

const TOKEN =
  /[ \t\r\n]*(?:(?<name>[A-Za-z_][A-Za-z0-9_]*)|(?<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)|(?<symbol>&&|\|\||[<>=!]=|[<>(),])|(?<end>$)|(?<other>.))/suy;

/** What may not follow a number directly: `1.2.3`, `5ms`, `0x10`. */
const NUMBER_GOES_ON = /[A-Za-z0-9_.]/;

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  for (;;) {
    const { 0: whole, index, groups } = TOKEN.exec(text)!;
    const { name, number, symbol, other } = groups!;
    const found = name ?? number ?? symbol ?? other ?? '';
    const position = index + whole.length - found.length + 1;
    if (other !== undefined) throw expressionError(`${quoted(other)} has no meaning here`, position);
    if (number !== undefined && NUMBER_GOES_ON.test(text.charAt(TOKEN.lastIndex))) {
      throw expressionError(`${quoted(number + text.charAt(TOKEN.lastIndex))} begins no number`, position);
    }
    if (name !== undefined) tokens.push({ kind: 'name', text: name, position });
    else if (number !== undefined) {
      tokens.push({ kind: /^[0-9]+$/.test(number) ? 'int' : 'float', text: number, position });
    } else if (symbol !== undefined) tokens.push({ kind: 'symbol', text: symbol, position });
    else {
      tokens.push({ kind: 'end', text: '', position: text.length + 1 });
      return tokens;
    }
  }
}

function shown(token: Token): string {
  return token.kind === 'end' ? 'the end' : quoted(token.text);
}

function typeName(type: NumberType): string {
  return type === 'int' ? 'a whole number' : 'a number with a decimal point';
}

function isComparison(text: string): text is Comparison {
  return (COMPARISONS as readonly string[]).includes(text);
}

function conditionOf(operand: Located): BreakerCondition {
  if (operand.kind === 'condition') return operand.condition;
  const what = operand.kind === 'metric' ? `${operand.name}(…)` : operand.text;
  throw expressionError(
    `${what} alone is no condition: a comparison is expected, such as ${example(operand)}`,
    operand.position,
  );
}

function example(operand: Located): string {
  return operand.kind === 'metric' && operand.type === 'int' ? `${operand.name}(…) > 50` : 'NetworkErrorRatio() > 0.5';
}

function compare(op: Comparison, left: Located, right: Located): BreakerCondition {
  if (left.kind !== 'metric')
    throw expressionError(`a function is expected on the left of ${quoted(op)}`, left.position);
  if (right.kind !== 'number')
    throw expressionError(`a number is expected on the right of ${quoted(op)}`, right.position);
  if (right.type !== left.type) {
    const hint = left.type === 'float' ? `: write ${right.text}.0` : '';
    throw expressionError(
      `${left.name} is compared with ${typeName(left.type)}, not ${right.text}${hint}`,
      right.position,
    );
  }
  return { op, metric: left.metric, value: right.value };
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #nesting = 0;

  constructor(text: string) {
    this.#tokens = tokensOf(text);
  }

  parse(): BreakerCondition {
    const condition = conditionOf(this.#or());
    const rest = this.#next;
    if (rest.kind !== 'end') throw expressionError(`&&, || or the end is expected, not ${shown(rest)}`, rest.position);
    return condition;
  }

  get #next(): Token {
    return this.#tokens[this.#at];
  }

  #takes(symbol: string): boolean {
    if (this.#next.kind !== 'symbol' || this.#next.text !== symbol) return false;
    this.#at++;
    return true;
  }

  #expect(symbol: string, after: string): void {
    if (!this.#takes(symbol)) {
      throw expressionError(`${quoted(symbol)} is expected ${after}, not ${shown(this.#next)}`, this.#next.position);
    }
  }

  #or(): Located {
    return this.#joined('||', () => this.#joined('&&', () => this.#comparison()));
  }

  #joined(op: '&&' | '||', operand: () => Located): Located {
    let left = operand();
    while (this.#takes(op)) {
      const condition: BreakerCondition = { op, left: conditionOf(left), right: conditionOf(operand()) };
      left = { kind: 'condition', condition, position: left.position };
    }
    return left;
  }

  #comparison(): Located {
    let left = this.#operand();
    for (let op = this.#next.text; isComparison(op); op = this.#next.text) {
      this.#at++;
      left = { kind: 'condition', condition: compare(op, left, this.#operand()), position: left.position };
    }
    return left;
  }

  #operand(): Located {
    const { position } = this.#next;
    if (this.#takes('(')) {
      if (++this.#nesting > MAX_NESTING) throw expressionError(`more than ${MAX_NESTING} nested parentheses`, position);
      const inner = this.#or();
      this.#expect(')', `to close the one at character ${position}`);
      this.#nesting--;
      return inner;
    }
    if (this.#next.kind === 'int' || this.#next.kind === 'float') return this.#number();
    if (this.#next.kind === 'name') return this.#call();
    throw expressionError(`one of ${NAMES.join(', ')} is expected, not ${shown(this.#next)}`, position);
  }

  #number(): Located & { readonly kind: 'number' } {
    const { kind, text, position } = this.#next;
    if (kind !== 'int' && kind !== 'float')
      throw expressionError(`a number is expected, not ${shown(this.#next)}`, position);
    const value = Number(text);
    if (value > Number.MAX_SAFE_INTEGER) throw expressionError(`${text} is too large`, position);
    this.#at++;
    return { kind: 'number', type: kind, value, text, position };
  }

  #call(): Located {
    const { text: name, position } = this.#next;
    const row = FUNCTIONS.get(name);
    if (row === undefined) {
      const nearest = nearestName(name, NAMES);
      const hint = nearest === null ? `one of ${NAMES.join(', ')} is expected` : `did you mean ${nearest}?`;
      throw expressionError(`${name} is no function; ${hint}`, position);
    }
    this.#at++;
    this.#expect('(', `after ${name}`);
    const values: number[] = [];
    while (!this.#takes(')')) {
      if (values.length > 0) this.#expect(',', `or ")" after argument ${values.length} of ${name}`);
      const argument = this.#next;
      if (values.length === row.parameters || argument.kind !== row.takes) {
        throw expressionError(`${name} takes ${row.usage}`, argument.position);
      }
      values.push(this.#number().value);
    }
    if (values.length !== row.parameters) throw expressionError(`${name} takes ${row.usage}`, position);
    return { kind: 'metric', metric: row.metric(values), type: row.gives, name, position };
  }
}

/** Throws TsujiError BAD_EXPRESSION whose message says what is wrong, where, and what was expected. */
export function parseBreakerExpression(text: string): BreakerCondition {
  if (text.length > MAX_LENGTH) {
    throw expressionError(`${text.length} characters are more than ${MAX_LENGTH}`, MAX_LENGTH + 1);
  }
  return new Parser(text).parse();
}
