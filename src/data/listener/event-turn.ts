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

/** Counts within one turn. */
export class TurnCount {
  private turn = 0;
  private count = 0;

  /** One more. Returns how many there have been in this turn. */
  add(): number {
    const turn = currentTurn();
    if (turn !== this.turn) {
      this.turn = turn;
      this.count = 0;
    }
    return ++this.count;
  }
}
