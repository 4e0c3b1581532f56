/** Every server as a letter, so that a place means something: grouped by backend, in the order of names. */
import type { Board } from '../../board/board.ts';
import { SERVER_LETTERS, type Wall } from './shapes.ts';

const MOST_SERVERS = 1_500;
const MOST_BACKENDS = 5_000;
/** From the worst on. */
const RANK = 'xeftusidnl';
const WELL = SERVER_LETTERS['in rotation'];

function worstOf(letters: string): string {
  return [...RANK].find((letter) => letters.includes(letter)) ?? SERVER_LETTERS['not used'];
}

export function wallOf({ backends }: Board): Wall {
  const rows = [...backends.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
  const servers = rows.reduce((sum, { letters }) => sum + letters.length, 0);
  if (servers <= MOST_SERVERS) {
    const states = rows.map(({ letters }) => letters).join('|');
    return { per: 'server', names: rows.map(({ name }) => name), states, hidden: 0 };
  }
  const worst = rows.map(({ name, letters }) => ({ name, letter: worstOf(letters) }));
  const shown = rows.length > MOST_BACKENDS ? worst.filter(({ letter }) => letter !== WELL) : worst;
  const first = shown.slice(0, MOST_BACKENDS);
  return {
    per: 'backend',
    names: first.map(({ name }) => name),
    states: first.map(({ letter }) => letter).join(''),
    hidden: rows.length - first.length,
  };
}
