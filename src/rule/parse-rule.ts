/**
 * Rule text → syntax tree. Purely textual: there is no quoting and no escaping, not even inside `{…}`, so a regex
 * with a comma or a semicolon cannot be written. Source: shared/spec rules §1.
 *
 *     rule    := segment { ";" segment }      "Host:a.com,b.com;Path:/x"
 *     segment := name ":" args
 *     args    := arg { "," arg }
 */
import { TsujiError } from '../kernel/errors.ts';
import { quoted } from '../kernel/quote.ts';

export type RuleSegment = {
  /** The function name, case-sensitive; not yet known to exist. */
  readonly name: string;
  /** Trimmed, at least one; an item of blanks survives as ''. */
  readonly args: readonly string[];
  /** Colons in a row became one in them. */
  readonly lostColons: boolean;
  /** The place in the rule, in characters from 1: what an error points at. */
  readonly position: number;
};

/** Makes the error of a rule: `reason` names the function and the problem, `position` counts characters from 1. */
export function ruleError(reason: string, position: number): TsujiError {
  return new TsujiError('BAD_RULE', `${reason} (at character ${position} of the rule)`);
}

/** ``Host(`a.com`)``, perhaps after `!` or opening parentheses. */
const LATER_SYNTAX = /^[\s!(]*[A-Za-z]+\s*\(\s*[`"']/;

function nonEmptyPieces(text: string, separator: string): string[] {
  return text.split(separator).filter((piece) => piece !== '');
}

function parseSegment(piece: string, position: number): RuleSegment {
  const fields = nonEmptyPieces(piece, ':');
  const name = fields.length === 0 ? '' : fields[0].trim();
  if (name === '') throw ruleError(`a function name is expected before ":" in ${quoted(piece)}`, position);
  if (LATER_SYNTAX.test(piece)) {
    throw ruleError('this is a rule of Traefik 2 or later: write "Host:a.com,b.com;PathPrefix:/x"', position);
  }
  // Doubled and outer colons are lost here on purpose: `Path:/a::b` has always meant `/a:b`.
  const args = nonEmptyPieces(fields.slice(1).join(':'), ',').map((arg) => arg.trim());
  if (args.length === 0) throw ruleError(`${name} has no argument: write "${name}:value"`, position);
  return { name, args, lostColons: piece.slice(piece.indexOf(name) + name.length + 1).includes('::'), position };
}

/** Throws a TsujiError BAD_RULE whose message says what is wrong and where. */
export function parseRule(rule: string): readonly RuleSegment[] {
  const segments: RuleSegment[] = [];
  let position = 1;
  for (const piece of rule.split(';')) {
    if (piece !== '') segments.push(parseSegment(piece, position + piece.length - piece.trimStart().length));
    position += piece.length + 1;
  }
  if (segments.length === 0) throw ruleError(`the rule ${quoted(rule)} has no function`, 1);
  return segments;
}
