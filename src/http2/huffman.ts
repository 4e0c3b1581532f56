/**
 * The Huffman code of HPACK (RFC 7541 §5.2, appendix B). It is read byte by byte: what stands in the middle of a code when
 * a byte ends is a state, of which there are as many as the code has branches, and each byte leads from one state to the
 * next and gives up to two symbols, since no code is shorter than five bits. Nibbles instead of bytes take a table of 16
 * KiB instead of 256, and 1.7 times as long.
 */

/**
 * Bits of the code of each byte, and behind them those of the mark of the end. Codes of one length follow each other in
 * the order of their symbols, and those of the next length follow them, so that the lengths tell the codes.
 */
const LENGTHS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6,
  5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
  22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
  23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
  20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27,
  27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
  27, 27, 27, 26, 30,
];
const END = 256;
/** So many bits of the mark of the end, all of which are ones, may fill the last byte. */
const MAX_PADDING = 7;

/** The code of each symbol. */
const CODES = codesOf(LENGTHS);

function codesOf(lengths: readonly number[]): Int32Array {
  const codes = new Int32Array(lengths.length);
  const symbols = [...lengths.keys()].sort((a, b) => lengths[a] - lengths[b] || a - b);
  let code = 0;
  let bits = 0;
  for (const symbol of symbols) {
    code <<= lengths[symbol] - bits;
    bits = lengths[symbol];
    codes[symbol] = code++;
  }
  return codes;
}

/** A branch, or from LEAF on a symbol. */
const LEAF = 0x1000;
const STATES = 256;
/** Of the steps: the next state, then the symbols, how many there are, or that no code goes on so. */
const FIRST_SHIFT = 8;
const SECOND_SHIFT = 16;
const COUNT_SHIFT = 24;
const FAILS = 0x4000_0000;

/** The step of each byte in each state. */
const STEPS = new Int32Array(STATES * 256);
/** 1 for states in which text may end. */
const MAY_END = new Uint8Array(STATES);
/** They are made for the first text: 65 536 steps, which a thread without HTTP/2 never needs. */
let isBuilt = false;

/** Two branches for each state; the first state is the beginning of a code. */
function branches(): Int32Array {
  const tree = new Int32Array(2 * STATES);
  let states = 1;
  for (let symbol = 0; symbol <= END; symbol++) {
    let state = 0;
    for (let bit = LENGTHS[symbol] - 1; bit >= 0; bit--) {
      const branch = 2 * state + ((CODES[symbol] >>> bit) & 1);
      if (bit === 0) tree[branch] = LEAF + symbol;
      else if (tree[branch] === 0) tree[branch] = states++;
      state = tree[branch];
    }
  }
  return tree;
}

function buildSteps(): void {
  isBuilt = true;
  const tree = branches();
  for (let state = 0; state < STATES; state++) {
    for (let byte = 0; byte < 256; byte++) STEPS[(state << 8) | byte] = stepOf(tree, state, byte);
  }
  let state = 0;
  for (let bits = 0; bits <= MAX_PADDING; bits++) {
    MAY_END[state] = 1;
    state = tree[2 * state + 1];
  }
}

function stepOf(tree: Int32Array, from: number, byte: number): number {
  let state = from;
  let symbols = 0;
  let count = 0;
  for (let bit = 7; bit >= 0; bit--) {
    state = tree[2 * state + ((byte >> bit) & 1)];
    if (state < LEAF) continue;
    if (state === LEAF + END) return FAILS;
    symbols |= (state - LEAF) << (count === 0 ? FIRST_SHIFT : SECOND_SHIFT);
    count++;
    state = 0;
  }
  return state | symbols | (count << COUNT_SHIFT);
}

/** Bytes that `decodeHuffman` needs for so many of code. */
export function decodedBound(length: number): number {
  return 2 * length;
}

/**
 * Writes the text of `bytes[start, end)` into `into`, from 0 on. Returns its length in bytes, -1 when it is no text of this
 * code: the mark of the end in it, or an end that is not filled with ones, or with more than seven of them.
 */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number, into: Uint8Array): number {
  if (!isBuilt) buildSteps();
  let state = 0;
  let length = 0;
  for (let at = start; at < end; at++) {
    const step = STEPS[(state << 8) | bytes[at]];
    if (step >= FAILS) return -1;
    into[length] = step >> FIRST_SHIFT;
    into[length + 1] = step >> SECOND_SHIFT;
    length += step >> COUNT_SHIFT;
    state = step & 0xff;
  }
  return MAY_END[state] === 1 ? length : -1;
}
