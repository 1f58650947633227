// The sign of an invitation that nobody has looked at: kept over a reload, in step over tabs, and never one too many.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { Invitations } from "../../static/js/invitations.js";
import { Store } from "../../static/js/store.js";
import { ME, fakeShelf, joined, message } from "./support.mjs";

const ADA = { id: "u-ada", name: "Ada" };
const PARTY = { type: "room_added", room: "p-1", title: "Party", by: ADA, direct: false };
const KEY = "hubbub:invited:u-me";
let hear;

beforeEach(() => {
  Object.defineProperty(globalThis, "localStorage", { configurable: true, value: fakeShelf() });
  hear = [];
  globalThis.addEventListener = (type, listener) => void hear.push(listener);
});

afterEach(() => {
  delete globalThis.localStorage;
  delete globalThis.addEventListener;
});

/** A page of ours that begins, being in these rooms. */
function visit(...rooms) {
  const store = new Store();
  const want = (room) => store.apply({ type: "@want", room });
  store.addEventListener("added", ({ detail }) => want(detail));
  const invitations = new Invitations(store);
  store.apply({ type: "@user", user: ME });
  for (const room of rooms) want(room);
  invitations.load();
  return store;
}

const kept = () => JSON.parse(localStorage.getItem(KEY) ?? "[]");
const signOf = (store, room = "p-1") => [store.rooms.get(room).unread, store.rooms.get(room).mentions];
const enter = (store, messages = [], more = {}) =>
  store.apply(joined(messages, { room: "p-1", title: "Party", people: [ADA, ME], direct: false, read: "0-0", ...more }));

test("what nobody has looked at is there again on the next visit, beside what was said", () => {
  visit().apply(PARTY);
  const store = visit("lobby", "p-1");
  assert.deepEqual(signOf(store), [1, 1]);
  enter(store, [message(1, "Hello", { room: "p-1" })]);
  assert.deepEqual(signOf(store), [2, 1]);
  assert.deepEqual(kept(), ["p-1"]);
});

test("looking at the room ends it for good, even where nothing was said", () => {
  const store = visit();
  store.apply(PARTY);
  enter(store);
  store.apply({ type: "@open", room: "p-1" });
  assert.deepEqual(kept(), []);
  assert.deepEqual(signOf(visit("p-1")), [0, 0]);
});

test("somebody one has muted calls nobody, by whatever they call their room", () => {
  const store = visit();
  store.isMuted = (user) => user.id === ADA.id;
  const told = [];
  for (const type of ["notice", "invited"]) store.addEventListener(type, ({ detail }) => told.push(detail));
  store.apply(PARTY);
  assert.deepEqual([signOf(store), kept(), told], [[0, 0], [], []]);
});

test("having read in it on another device ends it", () => {
  visit().apply(PARTY);
  const store = visit("p-1");
  enter(store, [message(1, "Hello", { room: "p-1" })], { read: "100-1" });
  assert.deepEqual([signOf(store), kept()], [[0, 0], []]);
});

test("looking at it in one tab ends it in the others", () => {
  const store = visit();
  store.apply(PARTY);
  const tell = hear[0];
  localStorage.removeItem(KEY);
  tell({ key: "hubbub:invited:u-else" });
  assert.deepEqual(signOf(store), [1, 1]);
  tell({ key: KEY });
  assert.deepEqual(signOf(store), [0, 0]);
});

test("what was left, shut or made by oneself is no invitation", () => {
  const store = visit();
  for (const room of ["p-1", "p-2"]) store.apply({ ...PARTY, room });
  store.apply({ ...PARTY, room: "p-3", by: ME });
  store.apply({ type: "@refused", room: "p-2", code: "no_such_room" });
  assert.deepEqual(kept(), ["p-1"]);
  visit("p-3");
  assert.deepEqual(kept(), [], "nobody is in it any more");
});

test("no more are kept than others may let one into, and what somebody else wrote there does no harm", () => {
  const store = visit();
  store.apply({ type: "hello", protocol: 1, build: "", limits: { rooms: 200 } });
  for (let index = 0; index < 120; index += 1) store.apply({ ...PARTY, room: `p-${index}` });
  assert.deepEqual([kept().length, kept().at(-1)], [100, "p-119"]);
  for (const nonsense of ['{"p-1":1}', "[1,null]", "{"]) {
    localStorage.setItem(KEY, nonsense);
    assert.deepEqual(signOf(visit("p-1")), [0, 0]);
  }
});
