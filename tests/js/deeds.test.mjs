// Edits, deletes and reactions on their way: shown at once, sent once, kept until acknowledged.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { byTarget, deedDone, dropMoot, post, withDeeds } from "../../static/js/deeds.js";
import { deedFrame, toEmoji } from "../../static/js/protocol.js";
import { messageAt } from "../../static/js/fold.js";
import { Store } from "../../static/js/store.js";
import { TOO_OLD_MS, Unsent } from "../../static/js/unsent.js";
import { ME, fakeClock, fakeShelf, joined, message } from "./support.mjs";

let clock;
let shelf;
let store;
let unsent;
let keys;
const T = "100-2";
const react = (on, emoji = "👍") => ({ kind: "react", target: T, emoji, on });
const make = (deed, text = "") => post({ store, unsent }, "lobby", text, deed);
const kinds = () => unsent.list("lobby").map(({ deed, text }) => (deed.kind === "react" ? `${deed.emoji}${deed.on}` : `${deed.kind} ${text}`.trim()));
const look = () => withDeeds(messageAt(store.rooms.get("lobby"), T), byTarget(unsent.list("lobby")).get(T) ?? [], ME);
const open = () => {
  const list = new Unsent({ shelf, now: clock, newKey: () => `k${(keys += 1)}` });
  list.load(ME.id);
  return list;
};

beforeEach(() => {
  clock = fakeClock();
  shelf = fakeShelf();
  keys = 0;
  store = new Store(clock);
  unsent = open();
  store.apply({ type: "@user", user: ME });
  store.apply({ type: "@want", room: "lobby" });
  store.apply(joined([message(1), message(2, "mine", { from: ME }), message(3)]));
});

test("each deed has its frame", () => {
  assert.deepEqual(deedFrame("r", "k", "hi", { kind: "send" }), { type: "send", room: "r", key: "k", text: "hi" });
  assert.equal(deedFrame("r", "k", "hi", { kind: "send", reply_to: T }).reply_to, T);
  assert.deepEqual(deedFrame("r", "k", "hi", { kind: "edit", target: T }), { type: "edit", room: "r", key: "k", target: T, text: "hi" });
  assert.deepEqual(deedFrame("r", "k", "", { kind: "delete", target: T }), { type: "delete", room: "r", key: "k", target: T });
  assert.deepEqual(deedFrame("r", "k", "", react(false)), { type: "react", room: "r", key: "k", target: T, emoji: "👍", on: false });
});

test("a message looks as if what waits had been done", () => {
  make({ kind: "edit", target: T }, "changed");
  make(react(true));
  assert.equal(look().entry.text, "changed");
  assert.equal(look().fate, "pending");
  assert.deepEqual(look().entry.reactions, [{ emoji: "👍", users: [ME] }]);
  assert.equal(messageAt(store.rooms.get("lobby"), T).text, "mine", "the log's own entry stays as it is");
  make({ kind: "delete", target: T });
  assert.equal(look().entry.deleted, true);
  assert.equal(look().entry.text, "");
});

test("a message nothing waits for is the same object, and so is the look of one until something changes", () => {
  assert.equal(look().entry, messageAt(store.rooms.get("lobby"), T));
  make(react(true));
  assert.equal(look().entry, look().entry);
  const before = look().entry;
  unsent.failed("k1", "forbidden");
  assert.notEqual(look().entry, before);
});

test("what failed is not shown as done, but named", () => {
  make({ kind: "edit", target: T }, "changed");
  unsent.failed("k1", "forbidden");
  assert.equal(look().entry.text, "mine");
  assert.equal(look().fate, "failed");
  assert.equal(look().item.why, "forbidden");
});

test("a newer wish overtakes one that has not gone out", () => {
  make({ kind: "edit", target: T }, "one");
  make({ kind: "edit", target: T }, "two");
  assert.deepEqual(kinds(), ["edit two"]);
  make(react(true, "🎉"));
  make({ kind: "delete", target: T });
  assert.deepEqual(kinds(), ["delete"]);
});

test("a reaction taken back before it went out is no frame at all", () => {
  make(react(true));
  make(react(true, "🎉"));
  make(react(false));
  assert.deepEqual(kinds(), ["🎉true"]);
});

test("what is on its way, or was, keeps its key, and the newer wish follows it", () => {
  make(react(true));
  unsent.sending(unsent.next("lobby"), 1);
  make(react(false));
  assert.deepEqual(kinds(), ["👍true", "👍false"]);
  unsent.linkLost(1);
  make(react(true));
  assert.deepEqual(kinds(), ["👍true", "👍true"]);
  assert.equal(unsent.next("lobby").key, "k1");
});

test("once acknowledged it is done in the store, and the entry of the log changes nothing more", () => {
  make({ kind: "edit", target: T }, "changed");
  const item = unsent.next("lobby");
  unsent.sending(item, 1);
  store.apply(deedDone(item, ME, "100-4", 77));
  unsent.acked(item.key, "100-4");
  assert.equal(look().entry.text, "changed");
  assert.equal(look().fate, "");
  assert.equal(store.rooms.get("lobby").position, "100-3", "entries of others may still be on their way");
  store.apply({ type: "edited", room: "lobby", position: "100-4", at: 77, key: item.key, target: T, by: ME, text: "changed" });
  assert.equal(look().entry.edited, 77);
});

test("an answer goes out with what it answers, and is stored with it", () => {
  make({ kind: "send", reply_to: "100-1" }, "indeed");
  const frame = deedDone(unsent.next("lobby"), ME, "100-4", 77);
  assert.equal(frame.message.reply_to, "100-1");
});

test("deeds survive a reload, with all that belongs to them", () => {
  make({ kind: "send", reply_to: "100-1" }, "indeed");
  make({ kind: "edit", target: T }, "changed");
  make(react(true, "🎉"));
  make({ kind: "delete", target: "100-3" });
  const before = unsent.list("lobby").map(({ key, text, deed }) => [key, text, deed]);
  assert.deepEqual(open().list("lobby").map(({ key, text, deed }) => [key, text, deed]), before);
});

test("a message that is deleted takes refused reactions along, and leaves the text one wanted it to have", () => {
  make(react(true));
  make({ kind: "edit", target: T }, "changed");
  for (const { key } of unsent.list("lobby")) unsent.failed(key, "forbidden");
  dropMoot({ store, unsent }, "lobby");
  assert.deepEqual(kinds(), ["👍true", "edit changed"], "it may be full of reactions");
  store.apply({ type: "deleted", room: "lobby", position: "100-4", key: "d", target: T, by: ME, at: 5 });
  dropMoot({ store, unsent }, "lobby");
  assert.deepEqual(kinds(), ["edit changed"]);
});

test("a list that an earlier build left holds messages; a damaged deed is ignored", () => {
  const item = { room: "lobby", key: "old", text: "x", at: 1, order: 1, after: null, tried: true, failed: false, why: "" };
  shelf.setItem(`hubbub:unsent:${ME.id}:old`, JSON.stringify(item));
  shelf.setItem(`hubbub:unsent:${ME.id}:bad`, JSON.stringify({ ...item, key: "bad", deed: { kind: "edit", target: "here" } }));
  shelf.setItem(`hubbub:unsent:${ME.id}:new`, JSON.stringify({ ...item, key: "new", deed: { kind: "pin", target: T } }));
  assert.deepEqual(open().list("lobby").map(({ key, deed }) => [key, deed.kind]), [["old", "send"]]);
});

test("what got too old waits for a decision, and goes out under a new key", () => {
  make({ kind: "edit", target: T }, "changed");
  unsent.sending(unsent.next("lobby"), 1);
  unsent.linkLost(1);
  clock.time += TOO_OLD_MS + 1;
  unsent.settle("lobby", () => true);
  assert.equal(look().fate, "failed");
  unsent.retry("k1");
  assert.equal(unsent.next("lobby").key, "k2");
  assert.deepEqual(unsent.next("lobby").deed, { kind: "edit", target: T });
});

test("what a failover took goes out again, unless its message is lost too", () => {
  for (const [deed, position] of [[react(true), "100-5"], [{ kind: "edit", target: "100-6" }, "100-7"]]) {
    make(deed, "x");
    unsent.acked(unsent.next("lobby").key, position);
  }
  assert.ok(unsent.takeBack({ room: "lobby", after: "100-4", until: null, messages: [] }, "100-4"));
  assert.deepEqual(kinds(), ["👍true"]);
});

test("a reaction is one emoji or a short word", () => {
  for (const good of ["👍", " 👩‍👩‍👧‍👦 ", "+1", "lol", "🏳️‍🌈"]) assert.equal(toEmoji(good), good.trim());
  for (const bad of ["", " ", "two words", "a\u0007", "x".repeat(33), "👍".repeat(9)]) assert.equal(toEmoji(bad), null);
});
