// The connection with transports that are plain objects: what is sent on which link, and when.

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Connection } from "../../static/js/connection.js";
import "../../static/js/read_again.js";
import { Store } from "../../static/js/store.js";
import { Unsent } from "../../static/js/unsent.js";
import { ME, fakeShelf, joined, message, settle } from "./support.mjs";

let store;
let unsent;
let connection;
let links;
let keys;
const now = () => Date.now();
const hello = (instance = "one", user = ME) => ({ type: "hello", protocol: 1, build: "b", instance, user, heartbeat_ms: 20_000 });
const said = (link, type) => link.sent.filter((frame) => frame.type === type);
const last = (link, type) => said(link, type).at(-1);
/** The server lets us into a room on this link. */
const admit = (link, frame = joined([message(1)])) => {
  link.onframe(frame);
  if (!frame.more) link.onroom(frame.room);
};

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
  store = new Store(now);
  keys = 0;
  unsent = new Unsent({ shelf: fakeShelf(), now, newKey: () => `k${(keys += 1)}` });
  links = [];
  connection = new Connection({
    store,
    unsent,
    open: (over, callbacks) => {
      const link = { over, ...callbacks, sent: [], closed: false };
      links.push(link);
      return { send: (frame) => link.sent.push(frame), wake: () => {}, close: () => (link.closed = true) };
    },
    now,
    random: () => 0.5,
    blocked: false,
  });
  store.apply({ type: "@user", user: ME });
  unsent.load(ME.id);
  connection.join("lobby");
  store.apply({ type: "@open", room: "lobby" });
  connection.start();
});

afterEach(() => mock.timers.reset());

test("after hello every room is joined, the open one first", () => {
  connection.join("a");
  store.apply({ type: "@open", room: "lobby" });
  links[0].onframe(hello());
  assert.deepEqual(said(links[0], "join").map((frame) => frame.room), ["lobby", "a"]);
  assert.ok(!("after" in last(links[0], "join")));
});

test("what was written before there was a link goes out once the room is joined", () => {
  connection.post("lobby", "early");
  links[0].onframe(hello());
  assert.deepEqual(said(links[0], "send"), []);
  admit(links[0]);
  assert.equal(last(links[0], "send").text, "early");
});

test("the next message waits for the ack of the one before", () => {
  links[0].onframe(hello());
  admit(links[0]);
  connection.post("lobby", "one");
  connection.post("lobby", "two");
  assert.deepEqual(said(links[0], "send").map((frame) => frame.text), ["one"]);
  links[0].onframe({ type: "ack", room: "lobby", key: "k1", position: "100-2", at: 5, duplicate: false });
  assert.deepEqual(said(links[0], "send").map((frame) => frame.text), ["one", "two"]);
  assert.equal(store.rooms.get("lobby").entries.at(-1).text, "one");
});

test("our own message frame counts as the ack, whichever comes first", () => {
  links[0].onframe(hello());
  admit(links[0]);
  connection.post("lobby", "one");
  links[0].onframe(message(2, "one", { from: ME, key: "k1" }));
  assert.deepEqual(unsent.list("lobby"), []);
  links[0].onframe({ type: "ack", room: "lobby", key: "k1", position: "100-2", at: 5, duplicate: false });
  assert.equal(store.rooms.get("lobby").entries.length, 2);
});

test("after a drop the room is resumed from our position and the same key is sent again, first", () => {
  links[0].onframe(hello());
  admit(links[0]);
  connection.post("lobby", "one");
  connection.post("lobby", "two");
  links[0].onclose({ code: 1006 });
  mock.timers.tick(300);
  assert.equal(links.length, 2);
  links[1].onframe(hello());
  assert.equal(last(links[1], "join").after, "100-1");
  admit(links[1], joined([], { recovered: true, head: "100-1" }));
  assert.deepEqual(said(links[1], "send").map(({ key, text }) => [key, text]), [["k1", "one"]]);
});

test("a message found in the replay is not sent again", () => {
  links[0].onframe(hello());
  admit(links[0]);
  connection.post("lobby", "one");
  links[0].onclose({ code: 1006 });
  mock.timers.tick(300);
  links[1].onframe(hello());
  admit(links[1], joined([message(2, "one", { from: ME, key: "k1" })], { recovered: true }));
  assert.deepEqual(said(links[1], "send"), []);
});

test("nothing is sent while pages still follow", () => {
  links[0].onframe(hello());
  connection.post("lobby", "one");
  admit(links[0], joined([message(1)], { more: true, head: "100-2" }));
  assert.deepEqual(said(links[0], "send"), []);
  links[0].onframe({ type: "page", room: "lobby", messages: [message(2)], more: false });
  links[0].onroom("lobby");
  assert.equal(last(links[0], "send").text, "one");
});

test("told to slow down, it waits as long as asked and keeps the key", () => {
  links[0].onframe(hello());
  admit(links[0]);
  connection.post("lobby", "one");
  links[0].onframe({ type: "error", id: last(links[0], "send").id, code: "rate_limited", message: "", retry_after_ms: 3_000 });
  mock.timers.tick(2_000);
  connection.housekeep();
  assert.equal(said(links[0], "send").length, 1);
  mock.timers.tick(1_500);
  connection.housekeep();
  assert.deepEqual(said(links[0], "send").map((frame) => frame.key), ["k1", "k1"]);
});

test("a change that has to wait keeps its like waiting and lets messages pass", () => {
  links[0].onframe(hello());
  admit(links[0]);
  const react = (emoji, on) => connection.post("lobby", "", { kind: "react", target: "100-1", emoji, on });
  react("👍", true);
  react("👍", false);
  connection.post("lobby", "one");
  const slow = () => links[0].onframe({ type: "error", id: last(links[0], "react").id, code: "rate_limited", message: "", retry_after_ms: 6_000 });
  slow();
  assert.deepEqual(said(links[0], "react").map(({ on }) => on), [true]);
  assert.equal(last(links[0], "send").text, "one");
  links[0].onframe({ type: "ack", room: "lobby", key: "k3", position: "100-2", at: 5, duplicate: false });
  connection.housekeep();
  assert.equal(said(links[0], "react").length, 1);
  mock.timers.tick(6_500);
  connection.housekeep();
  assert.deepEqual(said(links[0], "react").map(({ key }) => key), ["k1", "k1"]);
  links[0].onframe({ type: "ack", room: "lobby", key: "k1", position: "100-3", at: 5, duplicate: false });
  assert.deepEqual(said(links[0], "react").map(({ on }) => on), [true, true, false]);
});

test("a final refusal is shown on the message and the next one goes out", () => {
  links[0].onframe(hello());
  admit(links[0]);
  connection.post("lobby", "bad");
  connection.post("lobby", "good");
  links[0].onframe({ type: "error", id: last(links[0], "send").id, code: "forbidden", message: "" });
  connection.housekeep();
  assert.equal(unsent.list("lobby")[0].why, "forbidden");
  assert.equal(last(links[0], "send").text, "good");
});

test("a server that forgot our membership is joined again before the message is repeated", () => {
  links[0].onframe(hello());
  admit(links[0]);
  connection.post("lobby", "one");
  links[0].onframe({ type: "error", id: last(links[0], "send").id, code: "not_member", message: "" });
  assert.equal(said(links[0], "join").length, 2);
  mock.timers.tick(1_500);
  connection.housekeep();
  assert.equal(said(links[0], "send").length, 1);
  admit(links[0], joined([], { recovered: true, head: "100-1" }));
  assert.equal(said(links[0], "send").length, 2);
});

test("messages a rollback took are sent again with their keys", () => {
  links[0].onframe(hello());
  admit(links[0]);
  links[0].onframe(message(2, "mine", { from: ME, key: "old" }));
  links[0].onframe({ type: "rollback", room: "lobby", after: "100-1" });
  assert.deepEqual([last(links[0], "send").key, last(links[0], "send").text], ["old", "mine"]);
});

test("a message that was acknowledged and lost before anybody saw it is sent again", () => {
  links[0].onframe(hello());
  admit(links[0]);
  connection.post("lobby", "one");
  links[0].onframe({ type: "ack", room: "lobby", key: "k1", position: "100-2", at: 5, duplicate: false });
  links[0].onframe({ type: "epoch", room: "lobby", position: "200-0", prev: "100-1" });
  assert.deepEqual(said(links[0], "send").map(({ key }) => key), ["k1", "k1"]);
});

test("an ack that comes after the marker which took its message does not count", () => {
  links[0].onframe(hello());
  admit(links[0]);
  connection.post("lobby", "one");
  links[0].onframe({ type: "epoch", room: "lobby", position: "200-0", prev: "100-1" });
  links[0].onframe({ type: "ack", room: "lobby", key: "k1", position: "100-2", at: 5, duplicate: false });
  assert.deepEqual(said(links[0], "send").map(({ key }) => key), ["k1", "k1"]);
  links[0].onframe({ type: "ack", room: "lobby", key: "k1", position: "200-1", at: 6, duplicate: false });
  assert.deepEqual(unsent.list("lobby"), []);
});

test("after a loss the open room's messages are read again, page by page, and once", async () => {
  links[0].onframe(hello());
  admit(links[0], joined([message(1), message(2), message(3)]));
  connection.housekeep();
  assert.deepEqual(said(links[0], "history"), []);
  links[0].onframe({ type: "epoch", room: "lobby", position: "200-0", prev: "100-3" });
  connection.housekeep();
  connection.housekeep();
  await settle();
  const [first, ...others] = said(links[0], "history");
  assert.deepEqual([first.before, others], [undefined, []]);
  links[0].onframe({ type: "history", id: first.id, room: "lobby", messages: [message(3)], more: true, before: "100-3" });
  await settle();
  const second = last(links[0], "history");
  assert.equal(second.before, "100-3");
  links[0].onframe({ type: "history", id: second.id, room: "lobby", messages: [message(0), message(1, "one")], more: true, before: "100-0" });
  await settle();
  connection.housekeep();
  assert.equal(said(links[0], "history").length, 2);
  assert.deepEqual(store.rooms.get("lobby").entries.map(({ text }) => text), ["message 0", "one", "message 2", "message 3"]);
});

test("messages that could not be read again are asked for until they can", async () => {
  links[0].onframe(hello());
  admit(links[0]);
  links[0].onframe({ type: "rollback", room: "lobby", after: "100-1" });
  connection.housekeep();
  await settle();
  links[0].onframe({ type: "error", id: last(links[0], "history").id, code: "unavailable", message: "", retry_after_ms: 500 });
  await settle();
  connection.housekeep();
  await settle();
  assert.equal(said(links[0], "history").length, 2);
});

test("an old unsent message begins its room's first join where it was written", () => {
  unsent.sending(unsent.add("lobby", "late", "100-1"), 9);
  unsent.linkLost(9);
  mock.timers.tick(9 * 60_000);
  const link = links.at(-1);
  link.onframe(hello());
  assert.equal(last(link, "join").after, "100-1");
  admit(link, joined([message(2)], { recovered: true }));
  assert.equal(unsent.list("lobby")[0].why, "not_sent");
  assert.deepEqual(said(link, "send"), []);
});

test("during a move, sends stay on the first socket until the second has every room", () => {
  links[0].onframe(hello("one"));
  admit(links[0]);
  links[0].onframe({ type: "move", within_ms: 20_000 });
  links[1].onframe(hello("two"));
  connection.post("lobby", "between");
  assert.equal(last(links[0], "send").text, "between");
  assert.ok(!links[0].closed);
  admit(links[1], joined([], { recovered: true, head: "100-1" }));
  assert.ok(links[0].closed);
  assert.deepEqual(said(links[1], "send").map((frame) => frame.key), ["k1"], "its outcome is unknown, the key makes it safe");
  assert.equal(connection.status.kind, "up");
});

test("a room that refuses us does not hold up the others, and is reported", () => {
  connection.join("secret");
  links[0].onframe(hello());
  const join = said(links[0], "join").find((frame) => frame.room === "secret");
  links[0].onframe({ type: "error", id: join.id, code: "forbidden", message: "" });
  assert.equal(store.rooms.get("secret").why, "forbidden");
});

test("a join that meets an outage is repeated", () => {
  links[0].onframe(hello());
  links[0].onframe({ type: "error", id: last(links[0], "join").id, code: "unavailable", message: "", retry_after_ms: 500 });
  mock.timers.tick(600);
  assert.equal(said(links[0], "join").length, 2);
});

test("history is asked once at a time, and again after a lost link", () => {
  links[0].onframe(hello());
  admit(links[0]);
  assert.ok(connection.loadOlder("lobby"));
  assert.equal(last(links[0], "history").before, "100-1");
  assert.ok(!connection.loadOlder("lobby"));
  links[0].onclose({ code: 1006 });
  assert.equal(store.rooms.get("lobby").loading, false);
});

test("the members are asked for again when a version is missing", () => {
  links[0].onframe(hello());
  admit(links[0]);
  const before = said(links[0], "members").length;
  links[0].onframe({ type: "members", room: "lobby", version: 1, members: [ME], count: 1 });
  links[0].onframe({ type: "presence", room: "lobby", version: 3, joined: [], left: [], count: 2 });
  assert.equal(said(links[0], "members").length, before + 1);
});

test("a hello for somebody else is not taken for ours", () => {
  let strangers = 0;
  connection.addEventListener("stranger", () => (strangers += 1));
  links[0].onframe(hello("one", { id: "u-other", name: "Other" }));
  assert.equal(strangers, 1);
  assert.deepEqual(links[0].sent, []);
});

test("every id we give fits into the 64 bytes a server takes", () => {
  const long = "r".repeat(64);
  connection.join(long);
  links[0].onframe(hello());
  for (const frame of links[0].sent) assert.ok(String(frame.id).length <= 64);
});

test("what waits for a room that is closed fails with the reason, and so does what is written into it later", () => {
  links[0].onframe(hello());
  admit(links[0]);
  connection.post("lobby", "one");
  connection.post("lobby", "two");
  links[0].onframe({ type: "room_closed", room: "lobby", position: "100-2", at: 1 });
  connection.post("lobby", "three");
  assert.deepEqual(unsent.list("lobby").map(({ text, state, why }) => [text, state, why]), [
    ["one", "failed", "room_closed"], ["two", "failed", "room_closed"], ["three", "failed", "room_closed"],
  ]);
  assert.equal(said(links[0], "send").length, 1);
});

test("a closed room is asked for again only when somebody wants in again, and then what failed can go out", () => {
  links[0].onframe(hello());
  admit(links[0]);
  links[0].onframe({ type: "room_closed", room: "lobby", position: "100-2", at: 1 });
  connection.post("lobby", "one");
  const before = said(links[0], "join").length;
  connection.housekeep();
  assert.equal(said(links[0], "join").length, before);
  connection.join("lobby");
  assert.equal(last(links[0], "join").after, "100-2");
  admit(links[0], joined([message(4)], { recovered: true }));
  unsent.retry("k1");
  connection.flush("lobby");
  assert.equal(last(links[0], "send").text, "one");
});

test("on a link that stays open a send of eight minutes is decided by joining again, and holds up nothing", () => {
  links[0].onframe(hello());
  admit(links[0]);
  connection.post("lobby", "one");
  for (let second = 0; second < 9 * 60; second += 1) {
    const send = last(links[0], "send");
    if (send && !send.refused) links[0].onframe({ type: "error", id: send.id, code: "unavailable", message: "", retry_after_ms: 1_000 });
    if (send) send.refused = true;
    if (second % 10 === 0) links[0].onframe({ type: "ping" });
    mock.timers.tick(1_000);
    connection.housekeep();
  }
  assert.equal(links.length, 1);
  assert.equal(said(links[0], "join").length, 2, "asked once");
  assert.equal(last(links[0], "join").after, "100-1");
  connection.post("lobby", "two");
  admit(links[0], joined([], { recovered: true, head: "100-1" }));
  assert.deepEqual(unsent.list("lobby").map(({ text, state, why }) => [text, state, why]), [
    ["one", "failed", "not_sent"],
    ["two", "sending", ""],
  ]);
});
