// The store: order, duplicates, own messages, holes, people.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Store } from "../../static/js/store.js";
import { ME, fakeClock, joined, message } from "./support.mjs";

let store;
let clock;
const room = () => store.rooms.get("lobby");
const texts = () => room().entries.filter((entry) => entry.kind === "message").map((entry) => entry.text);
const heard = (type) => {
  const details = [];
  store.addEventListener(type, (event) => details.push(event.detail));
  return details;
};

beforeEach(() => {
  clock = fakeClock();
  store = new Store(clock);
  store.apply({ type: "@user", user: ME });
  store.apply({ type: "@want", room: "lobby" });
  store.apply({ type: "@open", room: "lobby" });
});

test("messages stand in the order of their positions, whatever order they come in", () => {
  store.apply(message(3, "c"));
  store.apply(message(1, "a"));
  store.apply(message(10, "d"));
  store.apply(message(2, "b"));
  assert.deepEqual(texts(), ["a", "b", "c", "d"]);
  assert.equal(room().position, "100-10");
});

test("a message told twice is there once", () => {
  const told = heard("message");
  store.apply(joined([message(1), message(2)]));
  store.apply(message(2));
  store.apply(joined([message(2), message(3)], { recovered: true }));
  assert.deepEqual(texts(), ["message 1", "message 2", "message 3"]);
  assert.equal(told.length, 3);
});

test("a room nobody asked for changes nothing", () => {
  store.apply(message(1, "x", { room: "elsewhere" }));
  assert.ok(!store.rooms.has("elsewhere"));
});

test("an unknown type of frame changes nothing", () => {
  store.apply({ type: "sparkle", room: "lobby" });
  assert.deepEqual(texts(), []);
});

test("our own message from the ack and from its frame are one", () => {
  store.apply(joined([message(1)]));
  const mine = message(3, "mine", { from: ME, key: "k" });
  store.apply({ type: "@sent", message: mine });
  assert.equal(room().position, "100-1", "the ack says nothing about what lies before it");
  store.apply(message(2, "theirs"));
  store.apply(mine);
  assert.deepEqual(texts(), ["message 1", "theirs", "mine"]);
  assert.equal(room().position, "100-3");
});

test("an ack for something older than what is loaded adds no stray row", () => {
  store.apply(joined([message(50), message(51)]));
  store.apply({ type: "@sent", message: message(7, "old", { from: ME }) });
  assert.deepEqual(texts(), ["message 50", "message 51"]);
});

test("while pages follow, the position stays at what has really come", () => {
  store.apply(joined([message(1)]));
  store.apply(joined([message(2), message(3)], { recovered: true, head: "100-9", more: true }));
  assert.equal(room().position, "100-3");
  store.apply({ type: "page", room: "lobby", messages: [message(4)], more: true });
  assert.equal(room().position, "100-4");
  store.apply({ type: "page", room: "lobby", messages: [message(5)], more: false });
  assert.equal(room().position, "100-9");
});

test("an empty room starts at its head", () => {
  store.apply(joined([]));
  assert.equal(room().position, "0-0");
  assert.equal(room().more, false);
  assert.deepEqual(store.cursor("lobby"), { after: "0-0", presence_version: 0 });
});

test("a poll asks for a fresh join until a position is known", () => {
  assert.equal(store.cursor("lobby"), null);
});

test("history goes above what is there and says when it has ended", () => {
  store.apply(joined([message(5), message(6)]));
  store.apply({ type: "@loading", room: "lobby", on: true });
  store.apply({ type: "history", room: "lobby", messages: [message(3), message(4), message(5)], more: true });
  assert.deepEqual(texts(), ["message 3", "message 4", "message 5", "message 6"]);
  assert.equal(room().loading, false);
  store.apply({ type: "history", room: "lobby", messages: [], more: false });
  assert.equal(room().more, false);
  assert.equal(room().position, "100-6");
});

test("a gap is shown before the entry that ends it", () => {
  store.apply(joined([message(1)]));
  store.apply({ type: "gap", room: "lobby", from: "100-1", to: "100-8" });
  store.apply(message(8));
  store.apply({ type: "gap", room: "lobby", from: "100-1", to: "100-8" });
  assert.deepEqual(room().entries.map((entry) => entry.kind), ["message", "gap", "message"]);
  assert.ok(!room().isCompleteSince("100-1"));
  assert.ok(room().isCompleteSince("100-8"));
});

test("when the whole log is gone the page begins anew and says so below what it had", () => {
  store.apply(joined([message(1), message(2)]));
  store.apply(joined([], { recovered: false, head: "0-0", more: true }));
  store.apply({ type: "gap", room: "lobby", from: "100-2", to: "0-0" });
  store.apply({ type: "page", room: "lobby", messages: [], more: false });
  assert.equal(room().position, "0-0");
  assert.deepEqual(room().entries.map((entry) => entry.kind), ["message", "message", "gap"]);
  assert.ok(!room().isCompleteSince("100-2"));
});

const marks = () => room().entries.map(({ text, lost }) => [text, lost ? (lost.hopeless ? "lost" : "restoring") : ""]);

test("a rollback marks what others lost, and takes out and names what we did", () => {
  const lost = heard("lost");
  store.apply(joined([message(1), message(2)]));
  store.apply(message(3, "theirs"));
  store.apply(message(4, "mine", { from: ME, key: "k4" }));
  store.apply({ type: "rollback", room: "lobby", after: "100-2" });
  assert.deepEqual(marks(), [["message 1", ""], ["message 2", ""], ["theirs", "restoring"]]);
  assert.equal(room().position, "100-2");
  assert.deepEqual(lost, [{
    room: "lobby", after: "100-2", until: null,
    messages: [{ room: "lobby", key: "k4", text: "mine", position: "100-4", deed: { kind: "send" } }],
  }]);
});

test("what its sender restored takes the place of what was lost, whatever lies between", () => {
  store.apply(joined([message(1)]));
  store.apply(message(2, "first"));
  store.apply(message(3, "second"));
  store.apply({ type: "rollback", room: "lobby", after: "100-1" });
  store.apply({ type: "epoch", room: "lobby", position: "200-0", prev: "100-1" });
  store.apply(message("200-1", "new"));
  store.apply(message("200-2", "first", { key: "key-100-2" }));
  assert.deepEqual(marks(), [["message 1", ""], ["second", "restoring"], ["new", ""], ["first", ""]]);
});

test("what nobody restored within half a minute is shown as lost", () => {
  store.apply(joined([message(1), message(2)]));
  store.apply({ type: "rollback", room: "lobby", after: "100-1" });
  clock.time += 29_000;
  store.apply({ type: "@time" });
  assert.deepEqual(marks(), [["message 1", ""], ["message 2", "restoring"]]);
  clock.time += 1_000;
  store.apply({ type: "@time" });
  assert.deepEqual(marks(), [["message 1", ""], ["message 2", "lost"]]);
  store.apply(message("200-2", "message 2", { key: "key-100-2" }));
  assert.deepEqual(marks(), [["message 1", ""], ["message 2", ""]], "late is better than never");
});

test("the same rollback told by a second link spares what came after it", () => {
  store.apply(joined([message(1), message(2)]));
  store.apply({ type: "rollback", room: "lobby", after: "100-1" });
  store.apply({ type: "epoch", room: "lobby", position: "200-0", prev: "100-1" });
  store.apply(message("200-1", "new"));
  store.apply({ type: "rollback", room: "lobby", after: "100-1" });
  assert.deepEqual(marks(), [["message 1", ""], ["message 2", "restoring"], ["new", ""]]);
  assert.equal(room().position, "200-1");
});

test("a marker takes back a message of ours that only its ack had told", () => {
  const lost = heard("lost");
  store.apply(joined([message(1)]));
  store.apply({ type: "@sent", message: message(2, "mine", { from: ME, key: "k" }) });
  store.apply({ type: "epoch", room: "lobby", position: "200-0", prev: "100-1" });
  assert.deepEqual(texts(), ["message 1"]);
  assert.deepEqual(lost[0].messages.map(({ key }) => key), ["k"]);
  assert.ok(room().isLost("100-2") && !room().isLost("100-1") && !room().isLost("200-0"));
});

test("the head of a log that went away during the catch-up does not count", () => {
  store.apply(joined([message(5)]));
  store.apply(joined([], { head: "100-9", more: true }));
  store.apply({ type: "gap", room: "lobby", from: "100-5", to: "0-0" });
  store.apply({ type: "page", room: "lobby", messages: [], more: false });
  assert.equal(room().position, "0-0");
  store.apply(message("200-7"));
  store.apply(joined([], { head: "200-9", more: true }));
  store.apply({ type: "rollback", room: "lobby", after: "200-6" });
  store.apply({ type: "page", room: "lobby", messages: [], more: false });
  assert.equal(room().position, "200-6");
});

test("an epoch marker and a room's notice move the position", () => {
  store.apply(joined([message(1)]));
  store.apply({ type: "epoch", room: "lobby", position: "200-0", prev: "100-1" });
  assert.equal(room().position, "200-0");
  store.apply({ type: "notice", room: "lobby", text: "be nice", position: "200-1", at: 5 });
  assert.equal(room().position, "200-1");
  assert.equal(room().entries.at(-1).text, "be nice");
});

test("a notice to all is told and belongs to no room", () => {
  const notices = heard("notice");
  store.apply({ type: "notice", text: "hello all", position: "1-1" });
  assert.deepEqual(notices, ["hello all"]);
});

test("a closed room says so at its end", () => {
  store.apply(joined([message(1)]));
  store.apply({ type: "room_closed", room: "lobby", position: "100-2" });
  assert.ok(room().closed);
  assert.equal(room().entries.at(-1).kind, "closed");
});

test("presence follows version by version", () => {
  store.apply({ type: "members", room: "lobby", version: 4, members: [ME], count: 1 });
  store.apply({ type: "presence", room: "lobby", version: 5, joined: [{ id: "a", name: "A" }], left: [], count: 2 });
  assert.deepEqual([...room().members.keys()], [ME.id, "a"]);
  store.apply({ type: "presence", room: "lobby", version: 5, joined: [], left: [{ id: "a", name: "A" }], count: 1 });
  assert.equal(room().members.size, 2, "a version we have changes nothing");
});

test("a missing version of presence asks for the members again", () => {
  const asked = heard("members_needed");
  store.apply({ type: "members", room: "lobby", version: 4, members: [ME], count: 1 });
  store.apply({ type: "presence", room: "lobby", version: 7, joined: [], left: [], count: 3 });
  assert.deepEqual(asked, ["lobby"]);
  assert.equal(room().version, null);
  assert.equal(room().count, 3);
});

test("a frame of many changes names the version before it", () => {
  const asked = heard("members_needed");
  const many = [{ id: "a", name: "A" }, { id: "b", name: "B" }, { id: "c", name: "C" }];
  store.apply({ type: "members", room: "lobby", version: 4, members: [ME], count: 1 });
  store.apply({ type: "presence", room: "lobby", version: 7, prev: 4, joined: many, left: [], count: 4 });
  assert.equal(room().version, 7);
  assert.deepEqual([...room().members.keys()], [ME.id, "a", "b", "c"]);
  store.apply({ type: "presence", room: "lobby", version: 8, joined: [], left: many.slice(0, 1), count: 3 });
  assert.equal(room().members.size, 3);
  assert.deepEqual(asked, []);
});

test("many changes that begin before the list we have bring it up to date", () => {
  const asked = heard("members_needed");
  const [a, b, c] = ["a", "b", "c"].map((id) => ({ id, name: id }));
  store.apply({ type: "members", room: "lobby", version: 4, members: [ME, a, b], count: 3 });
  store.apply({ type: "presence", room: "lobby", version: 7, prev: 2, joined: [b, c], left: [a], count: 3 });
  assert.deepEqual([...room().members.keys()], [ME.id, "b", "c"]);
  assert.equal(room().version, 7);
  assert.deepEqual(asked, []);
});

test("many changes that begin after the list we have are no use", () => {
  const asked = heard("members_needed");
  store.apply({ type: "members", room: "lobby", version: 4, members: [ME], count: 1 });
  const joined = [{ id: "a", name: "A" }];
  store.apply({ type: "presence", room: "lobby", version: 6, prev: 5, joined, left: [], count: 2 });
  assert.deepEqual(asked, ["lobby"]);
  assert.deepEqual([...room().members.keys()], [ME.id]);
});

test("typing ends by itself, and with the message", () => {
  const user = { id: "u-ada", name: "Ada" };
  store.apply({ type: "typing", room: "lobby", user, on: true });
  assert.equal(room().typing.size, 1);
  store.apply(message(1));
  assert.equal(room().typing.size, 0);
  store.apply({ type: "typing", room: "lobby", user, on: true });
  clock.time += 6_000;
  store.apply({ type: "@time" });
  assert.equal(room().typing.size, 0);
});

test("only others' messages in a room not on screen count as unread", () => {
  store.apply({ type: "@want", room: "other" });
  store.apply(joined([message(1, "x", { room: "other" })], { room: "other" }));
  store.apply(message(2, "x", { room: "other" }));
  assert.equal(store.rooms.get("other").unread, 1);
  store.apply({ type: "@open", room: "other" });
  assert.equal(store.rooms.get("other").unread, 0);
  store.apply(message(3, "x", { room: "other" }));
  assert.equal(store.rooms.get("other").unread, 0);
});

test("a long conversation in the background is trimmed, and knows that history is missing", () => {
  store.apply({ type: "@want", room: "other" });
  store.apply(joined([], { room: "other" }));
  for (let seq = 1; seq <= 1_300; seq += 1) store.apply(message(seq, "x", { room: "other" }));
  const other = store.rooms.get("other");
  assert.ok(other.entries.length <= 1_100);
  assert.ok(other.more);
  assert.ok(!other.isCompleteSince("100-5"));
});

test("the open conversation is trimmed as well while one follows its end, and not while one reads further up", () => {
  store.apply(joined([]));
  store.apply({ type: "@open", room: "lobby" });
  const { entries } = store.rooms.get("lobby");
  for (let seq = 1; seq <= 1_300; seq += 1) store.apply(message(seq));
  assert.equal(entries.length, 1_300);
  store.isFollowing = () => true;
  store.apply(message(1_301));
  assert.equal(entries.length, 1_000);
  assert.equal(entries.at(-1).position, "100-1301");
});

test("a notice without a room is for everybody, one with a room stands in its conversation", () => {
  const told = heard("notice");
  store.apply(joined([message(1)]));
  store.apply({ type: "notice", text: "Back in five minutes." });
  store.apply({ type: "notice", text: "Be kind.", room: "lobby", position: "100-2", at: 5 });
  store.apply({ type: "notice", text: "Elsewhere.", room: "elsewhere", position: "100-1", at: 5 });
  assert.deepEqual(told, ["Back in five minutes."]);
  assert.deepEqual(room().entries.map((entry) => entry.text), ["message 1", "Be kind."]);
});

test("a refused room says why below what was said, and the row goes once we are in again", () => {
  store.apply(joined([message(1)]));
  store.apply({ type: "@refused", room: "lobby", code: "forbidden" });
  assert.deepEqual(room().entries.map(({ kind, why }) => [kind, why]), [["message", undefined], ["closed", "forbidden"]]);
  assert.ok(room().closed);
  store.apply(joined([message(2)], { recovered: true }));
  assert.deepEqual(texts(), ["message 1", "message 2"]);
  assert.ok(!room().closed && room().entries.every(({ kind }) => kind === "message"));
});

test("history goes on where the server stopped looking, also when there was no message on the way", () => {
  store.apply(joined([message(9)]));
  store.apply({ type: "history", room: "lobby", messages: [], more: true, before: "100-4" });
  assert.ok(room().more);
  assert.equal(room().before, "100-4");
  assert.ok(room().isCompleteSince("100-4"));
  store.apply({ type: "history", room: "lobby", messages: [message(2)], more: true, before: "100-2" });
  assert.equal(room().before, "100-2");
  store.apply({ type: "history", room: "lobby", messages: [message(1)], more: false });
  assert.ok(!room().more);
  assert.deepEqual(texts(), ["message 1", "message 2", "message 9"]);
});

test("a room whose latest entries are no messages has a past all the same", () => {
  store.apply(joined([], { head: "100-70" }));
  assert.ok(room().more);
  assert.equal(room().before, null);
});

test("the names of those who went are known, of the latest at least", () => {
  const store = new Store(() => 0);
  store.apply({ type: "@user", user: ME });
  store.apply({ type: "@want", room: "lobby" });
  store.apply(joined([]));
  const user = (number) => ({ id: `u-${number}`, name: `User ${number}` });
  store.apply({ type: "members", room: "lobby", version: 1, members: [user(1)], count: 1 });
  store.apply({ type: "presence", room: "lobby", version: 2, joined: [user(2)], left: [user(1)], count: 1 });
  store.apply({ type: "members", room: "lobby", version: 3, members: [], count: 0 });
  const room = store.rooms.get("lobby");
  assert.deepEqual([...room.names], [["u-1", "User 1"], ["u-2", "User 2"]]);
  const crowd = Array.from({ length: 3_000 }, (_, index) => user(index));
  store.apply({ type: "members", room: "lobby", version: 4, members: crowd, count: 3_000 });
  assert.deepEqual([room.names.size, room.names.has("u-2999")], [1_000, true]);
});
