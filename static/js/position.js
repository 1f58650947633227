// Positions in a room's log: the string `<epoch>-<seq>`, which is compared and never computed with.

/** Lies before every entry of every log. */
export const START = "0-0";

/**
 * Orders two positions: negative when `a` comes first, 0 when they are the same place.
 * Both halves can pass 2^53, so digits are compared as text: the longer number is the bigger one.
 * @param {string} a
 * @param {string} b
 */
export function comparePositions(a, b) {
  if (a === b) return 0;
  const [aEpoch, aSeq] = halves(a);
  const [bEpoch, bSeq] = halves(b);
  return compareDigits(aEpoch, bEpoch) || compareDigits(aSeq, bSeq);
}

/**
 * True for text that is a position. Storage and other versions of the server may hold anything.
 * @param {unknown} value
 * @returns {value is string}
 */
export function isPosition(value) {
  return typeof value === "string" && /^\d+-\d+$/.test(value);
}

/**
 * The later of two positions; null stands for "none yet".
 * @param {string | null} a
 * @param {string | null} b
 */
export function later(a, b) {
  if (a === null) return b;
  if (b === null) return a;
  return comparePositions(a, b) >= 0 ? a : b;
}

/** @param {string} position */
function halves(position) {
  const dash = position.indexOf("-");
  return [position.slice(0, dash), position.slice(dash + 1)];
}

/** @param {string} a @param {string} b */
function compareDigits(a, b) {
  // As long as each other they are compared as they are, which is nearly always.
  if (a.length === b.length) return a < b ? -1 : a > b ? 1 : 0;
  const left = a.replace(/^0+(?=\d)/, "");
  const right = b.replace(/^0+(?=\d)/, "");
  if (left.length !== right.length) return left.length - right.length;
  return left < right ? -1 : left > right ? 1 : 0;
}
