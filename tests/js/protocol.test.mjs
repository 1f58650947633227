// Frames: reading what comes, building what goes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { newKey } from "../../static/js/keys.js";
import { history, join, parseFrame, toRoomName } from "../../static/js/protocol.js";

test("anything but a typed object is no frame", () => {
  for (const text of ["", "nonsense", "null", "[]", "{}", '{"type":1}', '"primus::ping::1"']) assert.equal(parseFrame(text), null);
  assert.deepEqual(parseFrame('{"type":"ping"}'), { type: "ping" });
});

test("a join without a position names none", () => {
  assert.ok(!("after" in join("lobby", null)));
  assert.equal(join("lobby", "1-2").after, "1-2");
  assert.ok(!("before" in history("lobby", null)));
});

test("what people type as a room's name becomes one the server takes", () => {
  assert.equal(toRoomName("  #Book Club!  "), "book-club");
  assert.equal(toRoomName("Café Ménagère"), "cafe-menagere");
  assert.equal(toRoomName("李"), "");
  assert.equal(toRoomName("x".repeat(80)).length, 64);
  assert.equal(toRoomName("P&L"), "p_l");
  assert.equal(toRoomName("d-day"), "d_day");
  const invited = `p-${"0".repeat(32)}`;
  assert.equal(toRoomName(invited), invited);
});

test("keys are long, plain and different each time, without randomUUID", () => {
  const source = { getRandomValues: (bytes) => crypto.getRandomValues(bytes) };
  assert.match(newKey(source), /^[0-9a-f]{32}$/);
  assert.notEqual(newKey(source), newKey(source));
});
