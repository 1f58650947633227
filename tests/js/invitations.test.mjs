// The sign of an invitation that nobody has looked at: how far one has read tells it, so it is there after a reload and
// where one was away, and goes everywhere when one looks.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Store } from "../../static/js/store.js";
import { ME, joined, message } from "./support.mjs";

const ADA = { id: "u-ada", name: "Ada" };
const BEN = { id: "u-ben", name: "Ben" };
const PARTY = { type: "room_added", room: "p-1", title: "Party", by: ADA, direct: false };
/** A room that begins with an invitation and in which nothing was said. */
const QUIET = { room: "p-1", title: "Party", people: [ADA, ME], direct: false, read: "0-0", head: "100-1" };

/** A page of ours that begins, being in these rooms. */
function visit(...rooms) {
  const store = new Store();
  const want = (room) => store.apply({ type: "@want", room });
  store.addEventListener("added", ({ detail }) => want(detail));
  store.told = [];
  store.addEventListener("read", ({ detail }) => store.told.push([detail, store.rooms.get(detail).read]));
  store.apply({ type: "@user", user: ME });
  for (const room of rooms) want(room);
  return store;
}

const signOf = (store, room = "p-1") => [store.rooms.get(room).unread, store.rooms.get(room).mentions];

test("an invitation calls at once, and again on the next visit, beside what was said", () => {
  const store = visit();
  store.apply(PARTY);
  assert.deepEqual(signOf(store), [1, 1]);
  store.apply(joined([], QUIET));
  assert.deepEqual(signOf(store), [1, 1]);
  const next = visit("lobby", "p-1");
  next.apply(joined([message(2, "Hello", { room: "p-1" })], { ...QUIET, head: "100-2" }));
  assert.deepEqual(signOf(next), [2, 1]);
});

test("who was away when they were invited finds the sign of it in their list of rooms", () => {
  const store = visit("lobby");
  store.apply({ type: "@directory", rooms: [{ name: "p-1", title: "Party", count: 0, private: true, people: [ADA, ME] }] });
  store.apply(joined([], QUIET));
  assert.deepEqual(signOf(store), [1, 1]);
});

test("looking at the room ends it for good, even where nothing was said", () => {
  const store = visit("p-1");
  store.apply(joined([], QUIET));
  store.apply({ type: "@open", room: "p-1" });
  assert.deepEqual([signOf(store), store.told], [[0, 0], [["p-1", "100-1"]]]);
  const next = visit("p-1");
  next.apply(joined([], { ...QUIET, read: "100-1" }));
  assert.deepEqual(signOf(next), [0, 0]);
});

test("a room that is open when it is joined shows no sign, and has been looked at", () => {
  const store = visit("p-1");
  store.apply({ type: "@open", room: "p-1" });
  store.apply(joined([], QUIET));
  assert.deepEqual([signOf(store), store.told], [[0, 0], [["p-1", "100-1"]]]);
});

test("looking at it in another tab or on another device ends it here", () => {
  const store = visit();
  store.apply(PARTY);
  store.apply(joined([], QUIET));
  store.apply({ type: "read", room: "p-1", position: "100-1" });
  assert.deepEqual(signOf(store), [0, 0]);
});

test("somebody one has muted calls nobody, by whatever they call their room", () => {
  const store = visit();
  store.isMuted = (user) => user.id === ADA.id;
  const told = [];
  for (const type of ["notice", "invited"]) store.addEventListener(type, ({ detail }) => told.push(detail));
  store.apply(PARTY);
  store.apply(joined([], QUIET));
  assert.deepEqual([signOf(store), told], [[0, 0], []]);
  const three = { ...QUIET, room: "p-2", people: [ADA, BEN, ME] };
  store.apply({ ...PARTY, room: "p-2" });
  store.apply(joined([], three));
  assert.deepEqual([signOf(store, "p-2"), store.told.at(-1)], [[0, 0], ["p-2", "100-1"]]);
  store.apply({ ...message(2), room: "p-2", from: BEN });
  assert.deepEqual(signOf(store, "p-2"), [1, 0], "others are there whom one did not mute");
  const away = visit("p-2");
  away.isMuted = store.isMuted;
  away.apply(joined([], three));
  assert.deepEqual(signOf(away, "p-2"), [1, 1], "nobody knows who it was");
});

test("whoever makes a room or invites somebody has read that", () => {
  const store = visit();
  store.apply({ type: "created", room: "p-1", title: "Party", id: 1 });
  store.apply({ ...PARTY, room: "p-2", by: ME });
  for (const room of ["p-1", "p-2"]) store.apply(joined([], { ...QUIET, room }));
  assert.deepEqual(["p-1", "p-2"].map((room) => signOf(store, room)), [[0, 0], [0, 0]]);
  store.apply({ type: "invited", room: "p-1", position: "100-2", at: 5, by: ME, user: BEN });
  store.apply({ type: "invited", room: "p-2", position: "100-2", at: 5, by: ADA, user: BEN });
  assert.deepEqual(store.told, [["p-1", "100-1"], ["p-2", "100-1"], ["p-1", "100-2"]]);
});

test("muting the only one who can have called ends it", () => {
  const store = visit();
  store.apply(PARTY);
  assert.deepEqual(signOf(store), [1, 1]);
  store.apply(joined([], QUIET));
  store.isMuted = (user) => user.id === ADA.id;
  store.apply({ type: "@muted" });
  assert.deepEqual(signOf(store), [0, 0]);
});

test("a room of one's own, one of two and a public one are no invitation", () => {
  const store = visit("p-1", "d-1", "den");
  store.apply(joined([], { ...QUIET, people: [ME] }));
  store.apply(joined([], { ...QUIET, room: "d-1", direct: true }));
  store.apply(joined([], { ...QUIET, room: "den", people: undefined }));
  assert.deepEqual(["p-1", "d-1", "den"].map((room) => signOf(store, room)), [[0, 0], [0, 0], [0, 0]]);
  store.apply({ ...PARTY, room: "p-3", by: ME });
  assert.deepEqual(signOf(store, "p-3"), [0, 0], "made in another window");
});
