/**
 * Constraints on the tags of servers: `tag==glob` or `tag!=glob`, where `*` stands for any text (shared/spec kv-schema
 * §8). They are written as flags and tried on keys.
 */
import { TsujiError } from './errors.ts';

export type Constraint = {
  /** As written: `tag==eu-*`. */
  readonly text: string;
  /** Some tag must match; otherwise none may. */
  readonly mustMatch: boolean;
  readonly glob: string;
};

/** Throws TsujiError BAD_CONSTRAINT, whose message says what is wrong with the text. */
export function parseConstraint(text: string): Constraint {
  // As in the original, the first `==` counts before any `!=`.
  const operator = text.includes('==') ? '==' : '!=';
  const at = text.indexOf(operator);
  const quoted = JSON.stringify(text);
  if (at < 0) throw new TsujiError('BAD_CONSTRAINT', `${quoted} has no operator: write tag==NAME or tag!=NAME`);
  const name = text.slice(0, at);
  if (name !== 'tag') {
    throw new TsujiError('BAD_CONSTRAINT', `${quoted} is about ${JSON.stringify(name)}: only "tag" can be constrained`);
  }
  return { text, mustMatch: operator === '==', glob: text.slice(at + operator.length) };
}

/** `*` is the only wildcard. In time linear to the text for each part: an operator's glob is no regular expression. */
export function matchesGlob(glob: string, text: string): boolean {
  const [first, ...rest] = glob.split('*');
  const last = rest.pop();
  if (last === undefined) return text === glob;
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false;
  const end = text.length - last.length;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

/** The first constraint that a server with these tags does not meet, null when it meets all. */
export function unmetConstraint(constraints: readonly Constraint[], tags: readonly string[]): Constraint | null {
  for (const constraint of constraints) {
    if (tags.some((tag) => matchesGlob(constraint.glob, tag)) !== constraint.mustMatch) return constraint;
  }
  return null;
}
