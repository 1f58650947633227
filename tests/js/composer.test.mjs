// How the composer measures a text against the server's limits.

import assert from "node:assert/strict";
import { test } from "node:test";
import { measure } from "../../static/js/views/composer.js";

const LIMITS = { text_chars: 10, text_bytes: 20 };

/** A text, its characters, how many may be sent, and whether that is too many. */
const TABLE = [
  ["", 0, 10, false],
  ["a".repeat(10), 10, 10, false],
  ["a".repeat(11), 11, 10, true],
  ["\u00e9".repeat(10), 10, 10, false],
  ["\u00e9".repeat(11), 11, 10, true],
  // Characters of three and of four bytes: here the bytes run out first.
  ["\u6f22".repeat(6), 6, 10, false],
  ["\u6f22".repeat(7), 7, 6, true],
  ["\u{1f600}".repeat(5), 5, 10, false],
  ["\u{1f600}".repeat(6), 6, 5, true],
  ["a".repeat(8) + "\u{1f600}".repeat(4), 12, 10, true],
];

for (const [text, used, most, over] of TABLE) {
  test(`${used} characters in ${Buffer.byteLength(text)} bytes are ${over ? "too many" : "few enough"}`, () => {
    assert.deepEqual(measure(text, LIMITS), { used, most, over });
  });
}

test("before the server has told its limits, the usual ones hold", () => {
  assert.deepEqual(measure("a".repeat(4_000), null), { used: 4_000, most: 4_000, over: false });
  assert.deepEqual(measure("a".repeat(4_001), null), { used: 4_001, most: 4_000, over: true });
  assert.deepEqual(measure("\u6f22".repeat(3_000), null), { used: 3_000, most: 2_730, over: true });
});

test("a lone surrogate counts as the three bytes it is sent as", () => {
  assert.equal(measure("\ud800", { text_chars: 10, text_bytes: 2 }).over, true);
  assert.equal(measure("\ud800", { text_chars: 10, text_bytes: 3 }).over, false);
});
