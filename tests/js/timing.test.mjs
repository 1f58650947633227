// Gathering changes into one call per frame, also for a page that goes out of sight before its frame comes.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

const page = Object.assign(new EventTarget(), { hidden: false });
let frames = [];
Object.assign(globalThis, { document: page, requestAnimationFrame: (run) => void frames.push(run) });
const { perFrame } = await import("../../static/js/lib/timing.js");

/** The browser paints, as it does for a page on screen only. */
const paint = () => frames.splice(0).forEach((run) => run());
const show = (on) => {
  page.hidden = !on;
  page.dispatchEvent(new Event("visibilitychange"));
};

beforeEach(() => {
  frames = [];
  show(true);
});

test("many changes are one call, in the next frame", () => {
  let calls = 0;
  const change = perFrame(() => (calls += 1));
  change();
  change();
  assert.equal(calls, 0);
  paint();
  assert.equal(calls, 1);
  change();
  paint();
  assert.equal(calls, 2);
});

test("what waits for a frame when the page is hidden is done then, once, and later changes too", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const said = [];
  const first = perFrame(() => said.push("first"));
  const second = perFrame(() => {
    said.push("second");
    first();
  });
  first();
  second();
  show(false);
  assert.deepEqual(said, ["first", "second"]);
  t.mock.timers.tick(100);
  assert.deepEqual(said, ["first", "second", "first"]);
  first();
  t.mock.timers.tick(100);
  assert.equal(said.length, 4);
  show(true);
  paint();
  assert.equal(said.length, 4, "the frame that came late has nothing to do");
  first();
  paint();
  assert.equal(said.length, 5);
});
