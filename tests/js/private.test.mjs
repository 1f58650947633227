// Private and direct rooms: how the page learns of them, what they are called, whose they are.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { hasPrivateRooms, otherOf } from "../../static/js/private.js";
import { Store } from "../../static/js/store.js";
import { ME, joined, message } from "./support.mjs";

const ADA = { id: "u-ada", name: "Ada" };
const BEN = { id: "u-ben", name: "Ben" };
let store;
let added;

beforeEach(() => {
  store = new Store();
  store.apply({ type: "@user", user: ME });
  added = [];
  // As the app does it.
  store.addEventListener("added", ({ detail }) => {
    added.push(detail);
    store.apply({ type: "@want", room: detail });
  });
});

test("a room we made is joined under its title", () => {
  store.apply({ type: "created", room: "p-1", title: "Plans", id: 4 });
  assert.deepEqual(added, ["p-1"]);
  assert.equal(store.rooms.get("p-1").title, "Plans");
  store.apply(joined([], { room: "p-1", title: "Plans", people: [ME, ADA], direct: false }));
  assert.deepEqual(store.rooms.get("p-1").people, [ME, ADA]);
});

test("a direct room is called by the other one's name, whoever began it", () => {
  store.apply({ type: "created", room: "d-1", title: "", direct: true, with: ADA });
  assert.equal(store.rooms.get("d-1").title, "Ada");
  store.apply({ type: "room_added", room: "d-2", title: "", by: BEN, direct: true });
  assert.equal(store.rooms.get("d-2").title, "Ben");
  store.apply(joined([], { room: "d-2", title: "", people: [ME, BEN], direct: true }));
  assert.equal(store.rooms.get("d-2").title, "Ben");
});

test("a direct room made on another page of ours gets its name with the join", () => {
  store.apply({ type: "room_added", room: "d-3", title: "", by: ME, direct: true });
  assert.equal(store.rooms.get("d-3").title, "…");
  store.apply(joined([], { room: "d-3", title: "", people: [ME, ADA], direct: true }));
  assert.equal(store.rooms.get("d-3").title, "Ada");
});

test("who signs in anew is not the other one of their rooms of two, in whose list or words they still are", () => {
  for (const room of ["d-1", "d-2"]) store.apply({ type: "created", room, title: "", direct: true, with: ADA });
  store.apply(joined([], { room: "d-1", title: "", people: [ME, ADA], direct: true }));
  // Of one whose other half left for good, only what was said tells who that is.
  const said = [message(1, "Hello", { room: "d-2" }), message(2, "Hello", { room: "d-2", from: ME })];
  store.apply(joined(said, { room: "d-2", title: "", people: [ME], direct: true }));
  const anew = { id: "u-anew", name: ME.name };
  store.apply({ type: "@user", user: anew });
  for (const room of ["d-1", "d-2"]) {
    store.apply({ type: "@refused", room, code: "no_such_room" });
    assert.deepEqual(otherOf(store.rooms.get(room), anew), ADA, room);
    assert.equal(store.rooms.get(room).title, "Ada");
  }
});

test("private rooms are one's own while they let one in, or the list of rooms names them", () => {
  store.apply({ type: "@want", room: "lobby" });
  assert.equal(hasPrivateRooms(store), false);
  store.apply({ type: "created", room: "p-1", title: "Plans" });
  assert.equal(hasPrivateRooms(store), true);
  store.apply({ type: "@refused", room: "p-1", code: "no_such_room" });
  assert.equal(hasPrivateRooms(store), false);
  store.apply({ type: "hello", protocol: 1, build: "", limits: { rooms: 1 } });
  store.apply({ type: "@directory", rooms: [{ name: "d-1", title: "", count: 1, private: true, direct: true, people: [ADA, ME] }] });
  assert.equal(hasPrivateRooms(store), true, "although there is no place to be in it");
  store.apply({ type: "forgotten", room: "d-1" });
  assert.equal(hasPrivateRooms(store), false);
});

test("being invited twice joins once, and again after a refusal", () => {
  const frame = { type: "room_added", room: "p-1", title: "Plans", by: ADA, direct: false };
  store.apply(frame);
  store.apply(frame);
  assert.deepEqual(added, ["p-1"]);
  store.apply({ type: "@refused", room: "p-1", code: "no_such_room" });
  store.apply(frame);
  assert.deepEqual(added, ["p-1", "p-1"]);
});

test("the list of rooms brings our own ones, but not those we left for good", () => {
  const rooms = [
    { name: "p-1", title: "Plans", count: 1, private: true, people: [ME, BEN] },
    { name: "d-1", title: "", count: 1, private: true, direct: true, people: [ADA, ME] },
    { name: "lobby", title: "Lobby", count: 3 },
  ];
  store.apply({ type: "@directory", rooms });
  assert.deepEqual(added, ["p-1", "d-1"]);
  assert.equal(store.rooms.get("d-1").title, "Ada");
  const forgotten = [];
  store.addEventListener("forgotten", ({ detail }) => forgotten.push(detail));
  store.apply({ type: "forgotten", room: "p-1" });
  store.apply({ type: "@drop", room: "p-1" });
  store.apply({ type: "@directory", rooms });
  assert.deepEqual(forgotten, ["p-1"]);
  assert.ok(!store.rooms.has("p-1"));
  store.apply({ type: "room_added", room: "p-1", title: "Plans", by: BEN, direct: false });
  assert.ok(store.rooms.has("p-1"), "but another invitation counts");
});

test("no more rooms are taken from the list than one may be in", () => {
  store.apply({ type: "hello", protocol: 1, build: "", limits: { rooms: 2 } });
  const rooms = ["p-1", "p-2", "p-3"].map((name) => ({ name, title: "", count: 0, private: true, people: [] }));
  store.apply({ type: "@directory", rooms });
  assert.deepEqual(added, ["p-1", "p-2"]);
});

test("nobody is put into more rooms than one may be in, but may be in them in place of others", () => {
  store.apply({ type: "hello", protocol: 1, build: "", limits: { rooms: 2 } });
  const invited = (room, by) => ({ type: "room_added", room, title: "Plans", by, direct: false });
  for (const room of ["p-1", "p-2", "p-3"]) store.apply(invited(room, ADA));
  assert.deepEqual(added, ["p-1", "p-2"]);
  store.apply({ type: "@refused", room: "p-1", code: "no_such_room" });
  store.apply(invited("p-3", ADA));
  assert.deepEqual(added, ["p-1", "p-2", "p-3"], "a room that shut us out takes no place");
  store.apply({ type: "created", room: "p-4", title: "Mine" });
  store.apply(invited("p-5", ME));
  assert.deepEqual(added.slice(3), ["p-4", "p-5"], "what we ask for ourselves, the server refuses and says why");
});

test("who is invited stands in the conversation, once, and is one of its people", () => {
  store.apply({ type: "created", room: "p-1", title: "Plans" });
  store.apply(joined([], { room: "p-1", title: "Plans", people: [ME], head: "100-1" }));
  store.apply({ type: "invited", room: "p-1", user: ADA, id: 9 });
  const entry = { type: "invited", room: "p-1", position: "100-2", at: 5, by: ME, user: ADA };
  store.apply(entry);
  store.apply(entry);
  const room = store.rooms.get("p-1");
  assert.deepEqual(room.people, [ME, ADA]);
  assert.deepEqual(room.entries.map(({ kind }) => kind), ["invited"]);
  assert.equal(room.position, "100-2");
});

test("who left for good is not one of its people any more", () => {
  store.apply({ type: "created", room: "p-1", title: "Plans" });
  store.apply(joined([], { room: "p-1", title: "Plans", people: [ME, ADA], head: "100-1" }));
  store.apply({ type: "departed", room: "p-1", position: "100-2", at: 5, user: ADA });
  const room = store.rooms.get("p-1");
  assert.deepEqual(room.people, [ME]);
  assert.equal(room.position, "100-2");
  assert.deepEqual(room.entries.map(({ kind }) => kind), ["departed"]);
});

test("an invitation calls like a mention until one opens the room, and is told once", () => {
  const told = [];
  store.addEventListener("notice", ({ detail }) => told.push(detail));
  const frame = { type: "room_added", room: "p-1", title: "Party", by: ADA, direct: false };
  store.apply(frame);
  store.apply(frame);
  const room = store.rooms.get("p-1");
  assert.deepEqual(told, ["Ada invited you to Party."]);
  assert.deepEqual([room.unread, room.mentions], [1, 1]);
  store.apply(joined([], { room: "p-1", title: "Party", people: [ADA, ME], direct: false, read: "0-0" }));
  assert.deepEqual([room.unread, room.mentions], [1, 1], "joining it is not reading it");
  store.apply(message(3, "Hello", { room: "p-1" }));
  assert.deepEqual([room.unread, room.mentions], [2, 1]);
  store.apply({ type: "@open", room: "p-1" });
  assert.deepEqual([room.unread, room.mentions], [0, 0]);
});

test("an invitation is no news in the room one looks at, from oneself, or between two", () => {
  const told = [];
  store.addEventListener("notice", ({ detail }) => told.push(detail));
  store.apply({ type: "@open", room: "p-1" });
  store.apply({ type: "room_added", room: "p-1", title: "Party", by: ADA, direct: false });
  store.apply({ type: "room_added", room: "p-2", title: "Notes", by: ME, direct: false });
  store.apply({ type: "room_added", room: "d-1", title: "", by: ADA, direct: true });
  assert.deepEqual(told, []);
  assert.deepEqual([...store.rooms.values()].map(({ unread }) => unread), [0, 0, 0]);
});

test("an invitation calls once, and by whom", () => {
  const called = [];
  store.addEventListener("invited", ({ detail }) => called.push(detail));
  const frame = { type: "room_added", room: "p-1", title: "Party", by: ADA, direct: false };
  for (const each of [frame, frame, { ...frame, room: "p-2", by: ME }, { ...frame, room: "d-1", direct: true }]) store.apply(each);
  assert.deepEqual(called, [{ room: "p-1", by: ADA, text: "Ada invited you to Party." }]);
});

test("what somebody said to us alone before we came is news, and what we read in a room of our own making is none", () => {
  const news = [];
  store.addEventListener("message", ({ detail }) => news.push([detail.room, detail.news]));
  store.apply({ type: "room_added", room: "d-1", title: "", by: ADA, direct: true });
  store.apply(joined([message(1, "Between us", { room: "d-1" })], { room: "d-1", people: [ADA, ME], direct: true, read: "0-0" }));
  assert.equal(store.rooms.get("d-1").unread, 1);
  store.apply({ type: "room_added", room: "d-2", title: "", by: ME, direct: true });
  store.apply(joined([message(1, "Said in another window", { room: "d-2", from: BEN })], { room: "d-2", people: [BEN, ME], direct: true, read: "0-0" }));
  assert.deepEqual(news, [["d-1", true], ["d-2", false]]);
  const room = store.rooms.get("d-1");
  assert.deepEqual([room.read, room.divider, room.unheard], ["0-0", "0-0", false]);
});

test("reading an invitation's room on another device is enough", () => {
  store.apply({ type: "room_added", room: "p-1", title: "Party", by: ADA, direct: false });
  store.apply(joined([message(1)], { room: "p-1", title: "Party", read: "0-0" }));
  assert.equal(store.rooms.get("p-1").unread, 2);
  store.apply({ type: "read", room: "p-1", position: "100-1" });
  assert.deepEqual([store.rooms.get("p-1").unread, store.rooms.get("p-1").mentions], [0, 0]);
});

test("a private room that refuses us before its title was told is called one", () => {
  store.apply({ type: "@want", room: "p-1" });
  store.apply({ type: "@refused", room: "p-1", code: "no_such_room" });
  assert.equal(store.rooms.get("p-1").title, "Private room");
  store.apply({ type: "room_added", room: "p-1", title: "Plans", by: ADA, direct: false });
  assert.equal(store.rooms.get("p-1").title, "Plans");
  store.apply({ type: "@refused", room: "p-1", code: "no_such_room" });
  assert.equal(store.rooms.get("p-1").title, "Plans", "what was told once is kept");
});
