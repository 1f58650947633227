// How pages reach the server in this run of the suite: HUBBUB_TRANSPORT=poll puts everybody behind a network that lets
// no WebSocket through, so that every story is told again over long-poll. `npm run test:browser` does both.

const wanted = process.env["HUBBUB_TRANSPORT"] ?? "websocket";
if (!["websocket", "poll"].includes(wanted)) throw new Error(`HUBBUB_TRANSPORT is websocket or poll, and not ${wanted}`);

/** This run is about long-poll. */
export const POLLS = wanted === "poll";

/** The options of a test that a second run over long-poll would tell nothing new. @param {string} why */
export function onlyOnce(why) {
  return POLLS ? { skip: why } : {};
}
