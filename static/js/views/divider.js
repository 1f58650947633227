// Where the line "new" goes: above the first message of somebody else that we had not read when it was drawn.

import { comparePositions } from "../position.js";

/**
 * The key of the row below the line; "" without a line. It lies near the end, so the search begins there.
 * @param {import("./message_row.js").Source[]} sources @param {string | null} divider @param {string} me
 */
export function dividedKey(sources, divider, me) {
  if (divider === null) return "";
  let key = "";
  for (let index = sources.length - 1; index >= 0; index -= 1) {
    const { entry, key: own } = /** @type {import("./message_row.js").Source} */ (sources[index]);
    if (entry === null) continue;
    if (comparePositions(entry.position, divider) <= 0) break;
    if (entry.kind === "message" && !entry.lost && entry.from.id !== me) key = own;
  }
  return key;
}

/** How many rows there are from the line "new" to the end, and a few above it; 0 without a line.
 * @param {import("./message_row.js").Source[]} sources @param {string | null} divider */
export function rowsSince(sources, divider) {
  if (divider === null) return 0;
  const last = sources.findLastIndex(({ entry }) => entry !== null && comparePositions(entry.position, divider) <= 0);
  return sources.length - last + FEW;
}

const FEW = 5;
