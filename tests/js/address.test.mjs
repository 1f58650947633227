// The room an address names.

import assert from "node:assert/strict";
import { test } from "node:test";
import { roomInPath } from "../../static/js/address.js";

const TABLE = [
  ["/r/lobby", "lobby"],
  ["/r/lobby/", "lobby"],
  ["/r/Does-Not-EXIST", "does-not-exist"],
  ["/r/%6Cobby", "lobby"],
  ["/r/-_-", "-_-"],
  [`/r/${"a".repeat(64)}`, "a".repeat(64)],
  // Rooms they are not.
  [`/r/${"a".repeat(65)}`, ""],
  ["/r/book%20club", ""],
  ["/r/caf\u00e9", ""],
  ["/r/caf%C3%A9", ""],
  ["/r/%E2%84%AA", ""], // the Kelvin sign, whose lower case is a plain k
  ["/r/a%2Fb", ""],
  ["/r/%", ""],
  ["/r/%E0%A4%A", ""],
  ["/r/%3Cimg%3E", ""],
  ["/r/lobby%0A", ""],
  ["/r/", ""],
  ["/r//", ""],
  ["/r/a/b", ""],
  // Not about a room.
  ["/", null],
  ["/r", null],
  ["/rooms/a", null],
];

for (const [path, room] of TABLE) {
  test(`the room in ${path} is ${JSON.stringify(room)}`, () => assert.equal(roomInPath(path), room));
}
