/**
 * When a buffered request is sent once more (shared/spec frontend-options §2.7). Go's syntax, as far as Traefik 1.x gives it
 * a meaning:
 *
 *     or   := and { "||" and }
 *     and  := unit { "&&" unit }
 *     unit := "(" or ")" | "IsNetworkError()" | ("Attempts()" | "ResponseCode()") op int | "RequestMethod()" op string
 */
import { quoted } from '../kernel/quote.ts';

export type RetryCondition =
  | { readonly op: '&&' | '||'; readonly left: RetryCondition; readonly right: RetryCondition }
  | { readonly op: 'networkError' }
  | { readonly op: Comparison; readonly of: 'attempts' | 'code'; readonly value: number }
  | { readonly op: '==' | '!='; readonly of: 'method'; readonly value: string };

type Comparison = '<' | '<=' | '>' | '>=' | '==' | '!=';

/** Ours: far above any use, so that no key can make a deep tree. */
const MAX_LENGTH = 2_048;
const MAX_NESTING = 50;

const TOKEN =
  /[ \t\r\n]*(?:([A-Za-z_][A-Za-z0-9_]*)[ \t\r\n]*\([ \t\r\n]*\)|([0-9]+)(?![0-9A-Za-z_.])|("(?:[^"\\\n]|\\["\\])*"|`[^`]*`)|(&&|\|\||[<>=!]=|[<>()])|($))/suy;

type Token = { readonly kind: 'call' | 'int' | 'string' | 'symbol' | 'end'; readonly text: string };

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  for (;;) {
    const at = TOKEN.lastIndex;
    const found = TOKEN.exec(text);
    if (found === null) throw new Error(`${quoted(text.slice(at).trimStart())} has no meaning here`);
    const [, call, int, string, symbol] = found;
    if (call !== undefined) tokens.push({ kind: 'call', text: call });
    else if (int !== undefined) tokens.push({ kind: 'int', text: int });
    else if (string !== undefined)
      tokens.push({ kind: 'string', text: string.slice(1, -1).replace(/\\(["\\])/g, '$1') });
    else if (symbol !== undefined) tokens.push({ kind: 'symbol', text: symbol });
    else {
      tokens.push({ kind: 'end', text: 'the end' });
      return tokens;
    }
  }
}

class Parser {
  private readonly tokens: readonly Token[];
  private at = 0;
  private depth = 0;

  constructor(text: string) {
    this.tokens = tokensOf(text);
  }

  whole(): RetryCondition {
    const condition = this.either();
    if (this.tokens[this.at].kind !== 'end')
      throw new Error(`${quoted(this.tokens[this.at].text)} has no meaning here`);
    return condition;
  }

  private takes(text: string): boolean {
    const token = this.tokens[this.at];
    if (token.kind !== 'symbol' || token.text !== text) return false;
    this.at++;
    return true;
  }

  private either(): RetryCondition {
    let left = this.both();
    while (this.takes('||')) left = { op: '||', left, right: this.both() };
    return left;
  }

  private both(): RetryCondition {
    let left = this.unit();
    while (this.takes('&&')) left = { op: '&&', left, right: this.unit() };
    return left;
  }

  private unit(): RetryCondition {
    if (this.takes('(')) {
      if (++this.depth > MAX_NESTING) throw new Error(`it is nested more than ${MAX_NESTING} deep`);
      const condition = this.either();
      if (!this.takes(')')) throw new Error('a ) is missing');
      this.depth--;
      return condition;
    }
    const { kind, text } = this.tokens[this.at++];
    if (kind !== 'call') throw new Error(`${quoted(text)} stands where a function such as Attempts() must`);
    if (text === 'IsNetworkError') return { op: 'networkError' };
    if (text === 'Attempts' || text === 'ResponseCode') return this.number(text);
    if (text === 'RequestMethod') return this.method();
    throw new Error(
      `there is no function ${quoted(text)}: it must be one of IsNetworkError, Attempts, ResponseCode, RequestMethod`,
    );
  }

  private comparison(name: string): Comparison {
    const { kind, text } = this.tokens[this.at++];
    if (kind === 'symbol' && /^(?:[<>]=?|[=!]=)$/.test(text)) return text as Comparison;
    throw new Error(`${name}() must be compared with something`);
  }

  private number(name: 'Attempts' | 'ResponseCode'): RetryCondition {
    const op = this.comparison(name);
    const { kind, text } = this.tokens[this.at++];
    if (kind !== 'int') throw new Error(`${name}() is compared with a whole number, not with ${quoted(text)}`);
    return { op, of: name === 'Attempts' ? 'attempts' : 'code', value: Number(text) };
  }

  private method(): RetryCondition {
    const op = this.comparison('RequestMethod');
    const { kind, text } = this.tokens[this.at++];
    if (kind !== 'string' || (op !== '==' && op !== '!=')) throw new Error('RequestMethod() is == or != a "text"');
    return { op, of: 'method', value: text };
  }
}

/** @throws Error, naming what is wrong */
export function parseRetryExpression(text: string): RetryCondition {
  if (text.length > MAX_LENGTH) throw new Error(`it is longer than ${MAX_LENGTH} characters`);
  return new Parser(text).whole();
}

/** What an answer was, and how often a server was asked for it. */
export type RetryFacts = { readonly attempts: number; readonly code: number; readonly method: string };

export function holds(condition: RetryCondition, facts: RetryFacts): boolean {
  switch (condition.op) {
    case '&&':
      return holds(condition.left, facts) && holds(condition.right, facts);
    case '||':
      return holds(condition.left, facts) || holds(condition.right, facts);
    case 'networkError':
      return facts.code === 502 || facts.code === 504;
    default: {
      if (condition.of === 'method') return (facts.method === condition.value) === (condition.op === '==');
      const { op, value } = condition;
      const actual = facts[condition.of];
      if (op === '==') return actual === value;
      if (op === '!=') return actual !== value;
      if (op === '<') return actual < value;
      if (op === '<=') return actual <= value;
      return op === '>' ? actual > value : actual >= value;
    }
  }
}
