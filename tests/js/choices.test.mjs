// The pure parts behind keys, the switcher, notifications, muting and the mark on the tab.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { mayNotify } from "../../static/js/notifications.js";
import { Preferences } from "../../static/js/preferences.js";
import { commandOf, nextRoom } from "../../static/js/shortcuts.js";
import { countAttention, drawIcon } from "../../static/js/views/attention.js";
import { foldMuted } from "../../static/js/views/folding.js";
import { findRooms } from "../../static/js/views/switcher.js";
import { ME, fakeShelf, message } from "./support.mjs";

let preferences;

beforeEach(() => {
  Object.defineProperty(globalThis, "localStorage", { configurable: true, value: fakeShelf() });
  preferences = new Preferences();
  preferences.load("Me");
});

afterEach(() => {
  delete globalThis.localStorage;
});

const press = (key, more = {}) => ({ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, isComposing: false, ...more });

test("each shortcut has one meaning", () => {
  const table = [
    [press("k", { ctrlKey: true }), "switcher"], [press("K", { metaKey: true }), "switcher"],
    [press("k", { ctrlKey: true, shiftKey: true }), null], [press("/", { ctrlKey: true }), "help"],
    [press("ArrowDown", { altKey: true }), "next"], [press("ArrowUp", { altKey: true }), "previous"],
    [press("ArrowDown", { altKey: true, shiftKey: true }), "nextUnread"],
    [press("ArrowUp", { altKey: true, shiftKey: true }), "previousUnread"],
    [press("Escape"), "latest"], [press("c", { ctrlKey: true }), null], [press("x", { altKey: true }), null],
    [press("Enter"), null],
  ];
  for (const [pressed, command] of table) assert.equal(commandOf(pressed, false, false), command, JSON.stringify(pressed));
});

test("letters in a field are letters, and nothing counts while an input method composes", () => {
  assert.equal(commandOf(press("?"), true, false), null);
  assert.equal(commandOf(press("?"), false, true), "help");
  assert.equal(commandOf(press("a"), true, false), null);
  assert.equal(commandOf(press("k", { ctrlKey: true, isComposing: true }), true, false), null);
});

test("whoever types without a field begins a message", () => {
  assert.equal(commandOf(press("a"), false, true), "write");
  assert.equal(commandOf(press(" "), false, true), null);
  assert.equal(commandOf(press("Tab"), false, true), null);
  assert.equal(commandOf(press("a"), false, false), null, "a button has the focus");
});

test("the next room goes around the end, and skips what is not wanted", () => {
  const rooms = ["a", "b", "c"];
  assert.equal(nextRoom(rooms, "c", 1), "a");
  assert.equal(nextRoom(rooms, "a", -1), "c");
  assert.equal(nextRoom(rooms, "a", 1, (room) => room === "c"), "c");
  assert.equal(nextRoom(rooms, "a", 1, () => false), null);
  assert.equal(nextRoom(["a"], "a", 1), null);
  assert.equal(nextRoom([], null, 1), null);
});

const choice = (name, more = {}) => ({ name, title: name, unread: 0, mentions: 0, joined: true, ...more });
const names = (rooms, query) => findRooms(rooms, query).map((room) => (room.create ? `+${room.name}` : room.name));

test("the switcher finds by beginning, word, part and spread letters, in this order", () => {
  const rooms = [choice("a-book"), choice("book-club"), choice("facebook"), choice("b-o-o-k"), choice("garden")];
  assert.deepEqual(names(rooms, "book"), ["book-club", "a-book", "facebook", "b-o-o-k", "+book"]);
  assert.deepEqual(names(rooms, "#garden"), ["garden"]);
  assert.deepEqual(names(rooms, "???"), []);
});

test("without a query, what is new comes first, then our rooms", () => {
  const rooms = [choice("z", { joined: false }), choice("c"), choice("b", { unread: 2 }), choice("a", { unread: 1, mentions: 1 })];
  assert.deepEqual(names(rooms, ""), ["a", "b", "c", "z"]);
});

const detail = (more = {}, room = "lobby") => ({ room, message: message(1, "hello", more), news: true });

test("a public room calls for mentions, a conversation among few for everything, and each as it was set", () => {
  assert.equal(mayNotify(detail(), ME, preferences), false);
  assert.equal(mayNotify(detail({ mentions: [ME.id] }), ME, preferences), true);
  assert.equal(mayNotify(detail({}, "d-1"), ME, preferences), true);
  preferences.setLevel("lobby", "all");
  preferences.setLevel("d-1", "none");
  assert.equal(mayNotify(detail(), ME, preferences), true);
  assert.equal(mayNotify(detail({ mentions: [ME.id] }, "d-1"), ME, preferences), false);
});

test("history, our own words and muted people never call", () => {
  preferences.setLevel("lobby", "all");
  assert.equal(mayNotify({ ...detail(), news: false }, ME, preferences), false);
  assert.equal(mayNotify(detail({ from: ME }), ME, preferences), false);
  preferences.mute({ id: "u-ada", name: "Ada" }, true);
  assert.equal(mayNotify(detail(), ME, preferences), false);
});

test("whoever is muted stays so under the next id, until one wants to read them again", () => {
  preferences.mute({ id: "u-1", name: "Ada" }, true);
  const later = new Preferences();
  later.load("me");
  assert.ok(later.isMuted({ id: "u-2", name: "ADA" }) && later.isMuted({ id: "u-1", name: "Renamed" }));
  assert.ok(!later.isMuted({ id: "u-3", name: "Adam" }));
  later.mute({ id: "u-2", name: "ada" }, false);
  assert.ok(!later.isMuted({ id: "u-1", name: "Ada" }));
});

test("what somebody else left in the storage is no setting", () => {
  localStorage.setItem("hubbub:levels:me", JSON.stringify({ lobby: "loud", other: "none" }));
  localStorage.setItem("hubbub:muted:me", JSON.stringify([null, { id: 1 }, { id: "u", name: "U" }]));
  preferences.load("Me");
  assert.deepEqual([preferences.levelOf("lobby"), preferences.levelOf("other")], ["mentions", "none"]);
  assert.deepEqual(preferences.muted, [{ id: "u", name: "U" }]);
});

test("a run of muted messages is one line, which can be opened", () => {
  const source = (seq, id) => ({ key: `k${seq}`, unsent: null, at: seq, entry: { ...message(seq), kind: "message", from: { id, name: id } } });
  const sources = [source(1, "pest"), source(2, "pest"), source(3, "ada"), source(4, "pest")];
  const isMuted = ({ id }) => id === "pest";
  const folded = foldMuted(sources, isMuted, new Set());
  assert.deepEqual(folded.map(({ key, entry }) => [key, entry.count]), [["folded:k1", 2], ["k3", undefined], ["folded:k4", 1]]);
  const opened = foldMuted(sources, isMuted, new Set(["folded:k1"]));
  assert.deepEqual(opened.map(({ key }) => key), ["k1", "k2", "k3", "folded:k4"]);
  assert.deepEqual(foldMuted(sources, () => false, new Set()), sources);
});

test("the mark on the tab counts what may call, and shows how often one is meant", () => {
  const rooms = [
    { name: "a", unread: 2, mentions: 0, closed: false }, { name: "b", unread: 3, mentions: 1, closed: false },
    { name: "quiet", unread: 9, mentions: 9, closed: false }, { name: "shut", unread: 1, mentions: 0, closed: true },
  ];
  const count = countAttention(rooms, (name) => (name === "quiet" ? "none" : "mentions"));
  assert.deepEqual(count, { unread: 5, mentions: 1 });
  assert.match(drawIcon(count), />1<\/text>/);
  assert.match(drawIcon({ unread: 20, mentions: 12 }), />9\+<\/text>/);
  assert.doesNotMatch(drawIcon({ unread: 0, mentions: 0 }), /circle/);
});
