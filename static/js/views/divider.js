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
