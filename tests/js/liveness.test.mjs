// Backoff, jitter and staleness.

import assert from "node:assert/strict";
import { test } from "node:test";
import { backoff, blockedPause, restartPause, silenceLimit } from "../../static/js/liveness.js";

test("the limit of the pause doubles with each failure up to 20 seconds", () => {
  assert.deepEqual([0, 1, 2, 5, 6, 60].map((failures) => backoff(failures, 1)), [500, 1_000, 2_000, 16_000, 20_000, 20_000]);
});

test("the pause is a random part of its limit", () => {
  assert.equal(backoff(3, 0), 0);
  assert.equal(backoff(3, 0.5), 2_000);
});

test("a blocked socket is tried after 30 s, 2 min, then every 10 min", () => {
  assert.deepEqual([0, 1, 2, 9].map(blockedPause), [30_000, 120_000, 600_000, 600_000]);
});

test("a link is dead after 45 seconds of silence, or what the server's own rhythm means", () => {
  assert.equal(silenceLimit(undefined), 45_000);
  assert.equal(silenceLimit(20_000), 45_000);
  assert.equal(silenceLimit(400), 900);
});

test("of a restart's pause each client takes a random part", () => {
  assert.equal(restartPause('{"retry_ms": 8000}', 0.25), 2_000);
});

test("a reason without a pause gives none", () => {
  for (const reason of [undefined, "", "bye", '{"retry_ms":"soon"}', "null"]) assert.equal(restartPause(reason, 0.5), null);
});
