// The list of unsent messages: order, age, survival.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { TOO_OLD_MS, Unsent } from "../../static/js/unsent.js";
import { fakeClock, fakeShelf } from "./support.mjs";

let shelf;
let clock;
let keys;
let unsent;
const open = (user = "u-me") => {
  const list = new Unsent({ shelf, now: clock, newKey: () => `k${(keys += 1)}` });
  list.load(user);
  return list;
};
const seen = (room = "lobby") => unsent.list(room).map(({ text, state, why }) => [text, state, why]);

beforeEach(() => {
  shelf = fakeShelf();
  clock = fakeClock();
  keys = 0;
  unsent = open();
});

test("one message of a room is in flight at a time, in the order of writing", () => {
  unsent.add("lobby", "first", null);
  unsent.add("lobby", "second", null);
  unsent.add("other", "elsewhere", null);
  const first = unsent.next("lobby");
  assert.equal(first.text, "first");
  unsent.sending(first, 1);
  assert.equal(unsent.next("lobby"), null);
  assert.equal(unsent.next("other").text, "elsewhere");
  unsent.acked(first.key);
  assert.equal(unsent.next("lobby").text, "second");
});

test("what was in flight on a lost link is sent again under the same key", () => {
  const item = unsent.add("lobby", "hello", null);
  unsent.sending(item, 1);
  unsent.linkLost(2);
  assert.equal(unsent.next("lobby"), null);
  unsent.linkLost(1);
  assert.equal(unsent.next("lobby").key, item.key);
});

test("a send without an answer is repeated after a while", () => {
  unsent.sending(unsent.add("lobby", "hello", null), 1);
  clock.time += 14_000;
  unsent.expire();
  assert.equal(unsent.next("lobby"), null);
  clock.time += 2_000;
  unsent.expire();
  assert.equal(unsent.next("lobby").text, "hello");
});

test("the list survives a reload in its order, for its own user only", () => {
  unsent.add("lobby", "first", "100-1");
  unsent.add("lobby", "second", "100-1");
  assert.deepEqual(open("someone-else").list("lobby"), []);
  unsent = open();
  assert.deepEqual(unsent.list("lobby").map(({ key, text, after }) => [key, text, after]), [
    ["k1", "first", "100-1"],
    ["k2", "second", "100-1"],
  ]);
});

test("an acknowledged message does not come back after a reload", () => {
  unsent.acked(unsent.add("lobby", "hello", null).key);
  assert.deepEqual(open().list("lobby"), []);
});

test("an item that was tried is never sent by itself after eight minutes", () => {
  unsent.sending(unsent.add("lobby", "late", "100-1"), 1);
  unsent.linkLost(1);
  assert.ok(!unsent.isStuck("lobby"));
  clock.time += TOO_OLD_MS + 1;
  assert.equal(unsent.next("lobby"), null);
  assert.ok(unsent.isStuck("lobby"));
});

test("an item that was never tried is sent whatever its age, and only then begins to age", () => {
  unsent.add("lobby", "patient", "100-1");
  clock.time += 10 * TOO_OLD_MS;
  unsent.settle("lobby", () => true);
  unsent = open();
  unsent.settle("lobby", () => true);
  assert.deepEqual(seen(), [["patient", "waiting", ""]]);
  unsent.sending(unsent.next("lobby"), 1);
  unsent.linkLost(1);
  unsent.settle("lobby", () => true);
  assert.equal(unsent.next("lobby").text, "patient");
});

test("an old item not found in a complete replay was not sent", () => {
  unsent.sending(unsent.add("lobby", "late", "100-1"), 1);
  unsent.linkLost(1);
  clock.time += TOO_OLD_MS + 1;
  assert.equal(unsent.replayFrom("lobby"), "100-1");
  unsent.settle("lobby", (after) => after === "100-1");
  assert.deepEqual(seen(), [["late", "failed", "not_sent"]]);
});

test("an old item is unknown when part of the history is missing", () => {
  unsent.sending(unsent.add("lobby", "tried", "100-1"), 1);
  unsent.linkLost(1);
  clock.time += TOO_OLD_MS + 1;
  unsent.settle("lobby", () => false);
  assert.deepEqual(seen(), [["tried", "failed", "unknown"]]);
});

test("a clock that went far backwards makes an item old, not young", () => {
  unsent.sending(unsent.add("lobby", "odd", null), 1);
  unsent.linkLost(1);
  clock.time -= 3_600_000;
  assert.equal(unsent.next("lobby"), null);
});

test("sending again what may have been sent takes a new key, trying again what was refused does not", () => {
  const late = unsent.add("lobby", "late", null);
  unsent.sending(late, 1);
  unsent.linkLost(1);
  clock.time += TOO_OLD_MS + 1;
  unsent.settle("lobby", () => true);
  unsent.retry(late.key);
  assert.notEqual(unsent.next("lobby").key, "k1");

  const refused = unsent.add("other", "refused", null);
  const { key } = refused;
  unsent.sending(refused, 1);
  unsent.failed(key, "forbidden");
  assert.equal(unsent.next("other"), null);
  unsent.retry(key);
  assert.equal(unsent.next("other").key, key);
});

test("a reused key is replaced", () => {
  const { key } = unsent.add("lobby", "x", null);
  unsent.failed(key, "key_reused");
  unsent.retry(key);
  assert.notEqual(unsent.next("lobby").key, key);
});

test("a failed message does not hold up the ones after it", () => {
  const bad = unsent.add("lobby", "bad", null);
  unsent.add("lobby", "good", null);
  unsent.failed(bad.key, "text_too_long");
  assert.equal(unsent.next("lobby").text, "good");
});

test("what a rollback lost goes out first, under its own keys", () => {
  unsent.add("lobby", "new", null);
  unsent.requeue([{ room: "lobby", key: "old-1", text: "one" }, { room: "lobby", key: "old-2", text: "two" }], "100-2");
  assert.deepEqual(unsent.list("lobby").map(({ key }) => key), ["old-1", "old-2", "k1"]);
  unsent.requeue([{ room: "lobby", key: "old-1", text: "one" }], "100-2");
  assert.equal(unsent.list("lobby").length, 3);
  assert.deepEqual(open().list("lobby").map(({ key }) => key), ["old-1", "old-2", "k1"]);
});

test("what the server acknowledged and then lost goes out again in order, as long as it may know the keys", () => {
  for (const [key, position] of [["k1", "100-3"], ["k2", "100-4"], ["k3", "100-5"]]) {
    unsent.add("lobby", `text of ${key}`, null);
    unsent.acked(key, position);
  }
  const lost = { room: "lobby", after: "100-3", until: "200-0", messages: [] };
  assert.ok(!unsent.takeBack({ ...lost, room: "other" }, null));
  const shown = { room: "lobby", key: "k3", text: "text of k3", position: "100-5" };
  assert.ok(unsent.takeBack({ ...lost, messages: [shown] }, "100-3"));
  assert.deepEqual(unsent.list("lobby").map(({ key, text }) => [key, text]), [["k2", "text of k2"], ["k3", "text of k3"]]);
  assert.ok(!unsent.takeBack(lost, "100-3"), "each of them once");
  unsent.acked("k2", "200-1");
  unsent.acked("k3", "200-2");
  clock.time += 11 * 60_000;
  unsent.acked(unsent.add("lobby", "later", null).key, "200-3");
  assert.ok(unsent.takeBack({ room: "lobby", after: "200-0", until: null, messages: [] }, "200-0"));
  assert.deepEqual(unsent.list("lobby").map(({ text }) => text), ["later"]);
});

test("signing in under another id keeps the list, and asks about what may have been stored", () => {
  unsent.sending(unsent.add("lobby", "maybe", null), 1);
  unsent.linkLost(1);
  unsent.add("lobby", "never", null);
  unsent.load("u-new");
  assert.deepEqual(seen(), [["maybe", "failed", "unknown"], ["never", "waiting", ""]]);
  assert.deepEqual(open("u-me").list("lobby"), []);
});

test("signing in under another id after a reload takes over what the one before left, once", () => {
  unsent.sending(unsent.add("lobby", "maybe", null), 1);
  unsent.add("lobby", "never", null);
  const later = open("u-other");
  later.load("u-new", "u-me");
  assert.deepEqual(later.list("lobby").map(({ text, state, why }) => [text, state, why]), [["maybe", "failed", "unknown"], ["never", "waiting", ""]]);
  assert.deepEqual(open("u-me").list("lobby"), []);
  assert.deepEqual(open("u-new").list("lobby").map(({ text }) => text), ["maybe", "never"]);
});

test("damaged storage is ignored", () => {
  shelf.setItem("hubbub:unsent:u-me:a", "{");
  shelf.setItem("hubbub:unsent:u-me:b", '{"room":1}');
  assert.deepEqual(open().list("lobby"), []);
});

/** What the browser tells this tab when another one writes. */
const hear = (key) => unsent.rewritten(`hubbub:unsent:u-me:${key}`, shelf.getItem(`hubbub:unsent:u-me:${key}`));

test("a failed item that another tab sends again, sent or deleted is no longer offered here", () => {
  const failed = () => {
    const item = unsent.add("lobby", "once", null);
    unsent.failed(item.key, "forbidden");
    return item.key;
  };
  const [again, gone] = [failed(), failed()];
  const other = open();
  other.retry(again);
  other.remove(gone);
  hear(again);
  hear(gone);
  assert.deepEqual(seen(), [["once", "waiting", ""]]);
  other.sending(other.next("lobby"), 1);
  other.acked(again);
  hear(again);
  assert.deepEqual(seen(), []);
});

test("what is under way here stays, whatever another tab writes", () => {
  const item = unsent.add("lobby", "mine", null);
  unsent.sending(item, 1);
  open().remove(item.key);
  hear(item.key);
  assert.equal(unsent.list("lobby").length, 1);
});

test("sending again takes no second copy before the word of the other tab is there", () => {
  unsent.sending(unsent.add("lobby", "once", null), 1);
  unsent.linkLost(1);
  clock.time += TOO_OLD_MS + 1;
  unsent.settle("lobby", () => false);
  const other = open();
  other.retry("k1");
  unsent.retry("k1");
  assert.deepEqual(seen(), []);
  assert.deepEqual(other.list("lobby").map(({ key }) => key), ["k2"]);
  unsent = open();
  assert.deepEqual(unsent.list("lobby").map(({ key }) => key), ["k2"]);
});

test("where nothing can be kept, sending again works all the same", () => {
  const refuse = () => {
    throw new Error("full");
  };
  shelf = { ...fakeShelf(), length: 0, setItem: refuse };
  unsent = open();
  unsent.failed(unsent.add("lobby", "once", null).key, "forbidden");
  unsent.retry("k1");
  assert.equal(unsent.next("lobby").key, "k1");
});
