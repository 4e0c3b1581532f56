/** Sockets that go on reading when the turn of the event loop ends: they have had their share, or have bytes left. */
interface Reader {
  readOn(): void;
}

let readers: Reader[] = [];
/** Takes turns with `readers`, so that who rests again waits for the next turn. */
let spare: Reader[] = [];
let scheduled = false;

function endTurn(): void {
  scheduled = false;
  const due = readers;
  readers = spare;
  spare = due;
  for (const reader of due) reader.readOn();
  due.length = 0;
}

/** `reader.readOn`, which must not throw, is called right after the loop has looked at all sockets. */
export function readOnLater(reader: Reader): void {
  readers.push(reader);
  if (scheduled) return;
  scheduled = true;
  setImmediate(endTurn);
}
