/** Match terms and path modifiers → the instructions of programs (layout.ts: OPCODE, MODIFIER). */
import type { MatchTerm, PathModifiers, Template } from '../rule/terms.ts';
import { liveAlternatives } from './find-keys.ts';
import { MODIFIER, OPCODE } from './layout.ts';

export type Instruction = { readonly opcode: number; readonly strings: readonly string[] };

function templateStrings(templates: readonly Template[]): string[] {
  return templates.flatMap(({ prefix, pattern, suffix }) => [prefix, pattern, suffix]);
}

function instructionOf(term: MatchTerm): Instruction | null {
  switch (term.kind) {
    case 'host':
      return null;
    case 'path':
      return { opcode: OPCODE.path, strings: liveAlternatives(term.paths) };
    case 'pathPrefix':
      return { opcode: OPCODE.pathPrefix, strings: liveAlternatives(term.prefixes) };
    case 'method':
      return { opcode: OPCODE.method, strings: term.methods };
    case 'header':
      return { opcode: OPCODE.header, strings: [term.name, term.value] };
    case 'headerRegexp':
      return { opcode: OPCODE.headerRegexp, strings: [term.name, term.pattern] };
    case 'query':
      return { opcode: OPCODE.query, strings: [term.name, term.value] };
    case 'queryTemplate':
      return { opcode: OPCODE.queryTemplate, strings: [term.name, `^${term.pattern}$`] };
    case 'pathTemplate':
    case 'pathPrefixTemplate':
    case 'hostTemplate':
      return { opcode: OPCODE[term.kind], strings: templateStrings(term.templates) };
  }
}

/** The cheapest test first. */
const TEST_ORDER: readonly number[] = [
  OPCODE.method,
  OPCODE.path,
  OPCODE.pathPrefix,
  OPCODE.header,
  OPCODE.query,
  OPCODE.pathTemplate,
  OPCODE.pathPrefixTemplate,
  OPCODE.hostTemplate,
  OPCODE.headerRegexp,
  OPCODE.queryTemplate,
];

/** Every one of them must hold; one without strings never does. */
export function instructionsOf(terms: readonly MatchTerm[]): Instruction[] {
  const instructions: Instruction[] = [];
  for (const term of terms) {
    const instruction = instructionOf(term);
    if (instruction !== null) instructions.push(instruction);
  }
  return instructions.sort((a, b) => TEST_ORDER.indexOf(a.opcode) - TEST_ORDER.indexOf(b.opcode));
}

export function modifierInstructions(modifiers: PathModifiers | undefined): Instruction[] {
  if (modifiers === undefined) return [];
  const { stripTemplates, stripPrefixes, addPrefix, replacePathRegex, replacePath } = modifiers;
  const instructions: Instruction[] = [];
  if (stripTemplates !== null) instructions.push({ opcode: MODIFIER.stripTemplates, strings: stripTemplates });
  if (stripPrefixes !== null) instructions.push({ opcode: MODIFIER.stripPrefixes, strings: stripPrefixes });
  if (addPrefix !== '') instructions.push({ opcode: MODIFIER.addPrefix, strings: [addPrefix] });
  if (replacePathRegex !== null) {
    const { pattern, replacement } = replacePathRegex;
    instructions.push({ opcode: MODIFIER.replacePathRegex, strings: [pattern, replacement] });
  }
  if (replacePath !== '') instructions.push({ opcode: MODIFIER.replacePath, strings: [replacePath] });
  return instructions;
}
