// Looks at the messages a page has as the server shows them now. It is fetched when the server has lost something, which
// is seldom.

import { comparePositions } from "./position.js";
import { history } from "./protocol.js";

/** Those of other rooms wait until they are opened. What could not be read is asked for again with the next second.
 * @param {import("./connection.js").Connection} connection @param {import("./room.js").Room} room */
export async function readAgain(connection, room) {
  const { name, oldest } = room;
  /** @type {string | null} */
  let before = null;
  do {
    const answer = await connection.request(history(name, before), name);
    if (answer.type !== "history") {
      room.doubtful = true;
      return;
    }
    before = answer.more ? (answer.before ?? null) : null;
  } while (before !== null && oldest !== null && comparePositions(before, oldest) > 0 && !room.doubtful);
}
