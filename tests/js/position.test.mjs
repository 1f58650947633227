// Order of positions.

import assert from "node:assert/strict";
import { test } from "node:test";
import { START, comparePositions, isPosition, later } from "../../static/js/position.js";

test("a later sequence number comes after an earlier one of the same epoch", () => {
  assert.ok(comparePositions("5-10", "5-9") > 0);
  assert.equal(comparePositions("5-9", "5-9"), 0);
});

test("the epoch counts before the sequence number", () => {
  assert.ok(comparePositions("6-0", "5-999") > 0);
});

test("numbers beyond 2^53 keep their order", () => {
  assert.ok(comparePositions("9007199254740993-1", "9007199254740992-1") > 0);
  assert.ok(comparePositions("1-18446744073709551615", "1-18446744073709551614") > 0);
});

test("leading zeros change nothing", () => {
  assert.equal(comparePositions("007-01", "7-1"), 0);
});

test("the start lies before everything", () => {
  assert.ok(comparePositions(START, "1-0") < 0);
});

test("the later of two positions is found, also when one is missing", () => {
  assert.equal(later("1-2", "1-10"), "1-10");
  assert.equal(later(null, "1-1"), "1-1");
  assert.equal(later("1-1", null), "1-1");
});

test("only digits around a dash are a position", () => {
  assert.ok(isPosition("12-0"));
  for (const text of ["", "12", "-1", "a-1", "1-1-1", null, 12]) assert.ok(!isPosition(text));
});
