/** Tells turns of the event loop apart, so that what happens within one can be counted. */

let turns = 1;
let ends = false;

/** A number that changes between two turns. */
export function currentTurn(): number {
  if (!ends) {
    ends = true;
    setImmediate(() => {
      ends = false;
      turns++;
    });
  }
  return turns;
}
