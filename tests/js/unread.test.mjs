// What counts as unread, where the line "new" stands, and how reading is kept, told and heard of.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { mentions } from "../../static/js/mention.js";
import { Reads } from "../../static/js/reads.js";
import { Store } from "../../static/js/store.js";
import { beginsFurtherUp, isAtLeast } from "../../static/js/unread.js";
import { dividedKey } from "../../static/js/views/divider.js";
import { ME, joined, message } from "./support.mjs";

let store;
const room = (name = "lobby") => store.rooms.get(name);
const arrives = (seq, more = {}) => store.apply(message(seq, `message ${seq}`, more));
const attend = (on) => store.apply({ type: "@attend", on });

beforeEach(() => {
  store = new Store(() => 0);
  store.apply({ type: "@user", user: ME });
  for (const name of ["lobby", "other"]) store.apply({ type: "@want", room: name });
  store.apply({ type: "@open", room: "lobby" });
});

test("on a first visit to a public room its past is no news", () => {
  store.apply(joined([message(1), message(2)]));
  store.apply(joined([message(1), message(2)], { room: "other" }));
  assert.deepEqual([room().unread, room().divider, room("other").unread], [0, null, 0]);
});

test("in a room one was invited to, what was said before is news", () => {
  store.apply({ type: "@want", room: "d-abc" });
  store.apply(joined([message(1), message(2)], { room: "d-abc", read: "0-0" }));
  assert.equal(room("d-abc").unread, 2);
});

test("the server's read position counts what is new since, and says when there may be more", () => {
  store.apply(joined([message(7), message(8, "x", { from: ME }), message(9)], { room: "other", read: "100-7" }));
  assert.equal(room("other").unread, 1);
  assert.equal(isAtLeast(room("other")), false);
  store.apply({ type: "@want", room: "third" });
  store.apply(joined([message(7), message(8)], { room: "third", read: "100-3" }));
  assert.equal(room("third").unread, 2);
  assert.ok(isAtLeast(room("third")));
});

test("where the server says that nothing is older, the count is exact, and so it is in a room that begins with it", () => {
  for (const [name, older] of [["d-young", false], ["d-old", true]]) {
    store.apply({ type: "@want", room: name });
    store.apply(joined([message(1), message(2)], { room: name, read: "0-0", older }));
    assert.deepEqual([room(name).unread, isAtLeast(room(name))], [2, older]);
  }
});

test("what comes while one looks at the end is read at once", () => {
  store.apply(joined([message(1)]));
  arrives(2);
  assert.deepEqual([room().unread, room().read, room().divider], [0, "100-2", null]);
});

test("the line stands above the first message one missed, stays while more come, and after one has read", () => {
  store.apply(joined([message(1)]));
  attend(false);
  arrives(2);
  arrives(3);
  assert.deepEqual([room().unread, room().divider], [2, "100-1"]);
  attend(true);
  assert.deepEqual([room().unread, room().divider, room().read], [0, "100-1", "100-3"]);
  arrives(4);
  assert.equal(room().divider, "100-1", "what one sees come does not move it");
});

test("a new run of unread messages takes the line along", () => {
  store.apply(joined([message(1)]));
  attend(false);
  arrives(2);
  attend(true);
  attend(false);
  arrives(3);
  assert.equal(room().divider, "100-2");
});

test("whoever answers has read, and the line goes", () => {
  store.apply(joined([message(1)]));
  attend(false);
  arrives(2);
  arrives(3, { from: ME });
  assert.deepEqual([room().unread, room().divider, room().read], [0, null, "100-3"]);
});

test("opening a room puts the line above what is new in it", () => {
  store.apply(joined([message(1)], { room: "other" }));
  arrives(2, { room: "other" });
  assert.equal(room("other").unread, 1);
  store.apply({ type: "@open", room: "other" });
  assert.deepEqual([room("other").unread, room("other").divider], [0, "100-1"]);
  store.apply({ type: "@open", room: "lobby" });
  store.apply({ type: "@open", room: "other" });
  assert.equal(room("other").divider, null, "on the next visit nothing is new");
});

test("reading elsewhere clears the count here, and never goes back", () => {
  store.apply(joined([message(1)], { room: "other" }));
  arrives(2, { room: "other" });
  arrives(3, { room: "other" });
  store.apply({ type: "read", room: "other", position: "100-2" });
  assert.equal(room("other").unread, 1);
  store.apply({ type: "read", room: "other", position: "100-3" });
  store.apply({ type: "read", room: "other", position: "100-1" });
  assert.deepEqual([room("other").unread, room("other").read], [0, "100-3"]);
});

test("mentions are counted apart, and muted people not at all", () => {
  store.isMuted = (user) => user.id === "u-pest";
  store.apply(joined([], { room: "other" }));
  store.apply(message(1, "hello @me", { room: "other" }));
  store.apply(message(2, "hello", { room: "other", mentions: [ME.id] }));
  store.apply(message(3, "hello @me", { room: "other", from: { id: "u-pest", name: "Pest" } }));
  assert.deepEqual([room("other").unread, room("other").mentions], [2, 2]);
  store.isMuted = () => true;
  store.apply({ type: "@muted" });
  assert.deepEqual([room("other").unread, room("other").mentions], [0, 0]);
});

test("a name may have any punctuation mark", () => {
  for (const mark of "-/\\^$.*+?()[]{}|'’_,;:!\"#%&=~`<>") {
    const name = `Jean${mark}Luc`;
    assert.ok(mentions({ text: `look, @${name}!` }, { id: "u1", name }), name);
    assert.ok(!mentions({ text: "mail jean@example.org" }, { id: "u1", name }), name);
  }
});

test("a deleted message is no news and calls nobody, however it is heard of", () => {
  store.apply(joined([], { room: "other" }));
  store.apply(message(1, "hello @me", { room: "other" }));
  store.apply(message(2, "hello", { room: "other" }));
  store.apply({ type: "deleted", room: "other", position: "100-3", target: "100-1", by: { id: "u-ada", name: "Ada" }, at: 1 });
  assert.deepEqual([room("other").unread, room("other").mentions], [1, 0]);
  store.apply(message(4, "", { room: "other", deleted: true }));
  assert.equal(room("other").unread, 1);
  store.apply({ type: "@want", room: "third" });
  store.apply(joined([message(1), message(2, "", { deleted: true })], { room: "third", read: "100-1" }));
  assert.equal(room("third").unread, 0, "nor on a visit that begins after it");
});

test("an edit that takes a mention away takes its badge away", () => {
  store.apply(joined([], { room: "other" }));
  store.apply(message(1, "hello", { room: "other", mentions: [ME.id] }));
  store.apply({ type: "edited", room: "other", position: "100-2", target: "100-1", text: "oh", mentions: [], by: { id: "u-ada", name: "Ada" }, at: 1 });
  assert.deepEqual([room("other").unread, room("other").mentions], [1, 0]);
});

test("where what is new begins is known once history reaches back to it", () => {
  store.apply(joined([message(7), message(8)], { read: "100-3" }));
  assert.ok(beginsFurtherUp(room()));
  store.apply({ type: "history", room: "lobby", before: "100-7", messages: [message(5), message(6)], more: true });
  assert.ok(beginsFurtherUp(room()));
  store.apply({ type: "history", room: "lobby", before: "100-3", messages: [message(3), message(4)], more: true });
  assert.ok(!beginsFurtherUp(room()));
  store.apply(joined([message(7)], { room: "other", read: "100-7" }));
  assert.ok(!beginsFurtherUp(room("other")), "nothing is new there");
});

test("a name is meant as a whole, in any case", () => {
  const ada = { id: "u", name: "Ada L." };
  for (const [text, meant] of [["@ada l. look", true], ["cc (@Ada L.)", true], ["@Ada Lovelace", false], ["Ada L.", false]]) {
    assert.equal(mentions({ text }, ada), meant, text);
  }
  assert.equal(mentions({ text: "@Adam" }, { id: "u", name: "Ada" }), false);
  assert.equal(mentions({ text: "", mentions: ["u"] }, ada), true);
});

test("the line goes above a message of somebody else, however the room is cut", () => {
  const source = (seq, from = "u-ada") => ({
    key: `k${seq}`, unsent: null, at: 0, entry: { kind: "message", position: `100-${seq}`, from: { id: from } },
  });
  const sources = [source(1), source(2), source(3, ME.id), source(4), source(5)];
  assert.equal(dividedKey(sources, "100-2", ME.id), "k4");
  assert.equal(dividedKey(sources, "100-0", ME.id), "k1");
  assert.equal(dividedKey(sources, "100-5", ME.id), "");
  assert.equal(dividedKey(sources, null, ME.id), "");
});

test("whoever signs out leaves nothing to be written down later", () => {
  const { reads, state } = reader();
  store.apply(joined([message(1)]));
  store.apply({ type: "@attend", on: true });
  reads.forget();
  reads.flush();
  state.run();
  assert.deepEqual([state.kept, state.channel, state.server], [{}, [], []]);
});

/** Reads over the store of this test, with what it kept, told its tabs and told the server. */
function reader(kept = {}) {
  const told = { kept, channel: [], server: [], run: () => {}, runSoon: () => {}, hears: true };
  const channel = { onmessage: null, postMessage: (value) => told.channel.push(value) };
  const reads = new Reads({
    store,
    shelf: { recall: () => told.kept, keep: (_, positions) => (told.kept = positions) },
    channel,
    tell: (name, position) => told.hears && told.server.push([name, position]) > 0,
    later: (ms, act) => (ms < 1_000 ? (told.runSoon = act) : (told.run = act)),
  });
  reads.load();
  return { ...told, reads, hear: (data) => channel.onmessage({ data }), get state() { return told; } };
}

test("what was read is there on the next visit", () => {
  reader({ lobby: "100-1", broken: 7 });
  attend(false);
  store.apply(joined([message(1), message(2)]));
  assert.deepEqual([room().unread, room().divider], [1, "100-1"]);
});

test("what another tab has read is known after a reload that comes before that tab wrote it down", () => {
  const { state, reads, hear } = reader({ lobby: "100-1" });
  hear({ type: "read", user: ME.id, room: "lobby", position: "100-2" });
  reads.flush();
  assert.deepEqual(state.kept, { lobby: "100-2" });
  assert.deepEqual(state.server, [], "the other tab tells the server");
});

test("where a first visit began is remembered, even in an empty room", () => {
  const { state } = reader();
  store.apply(joined([message(1)]));
  store.apply(joined([], { room: "other" }));
  state.run();
  assert.deepEqual(state.kept, { lobby: "100-1", other: "0-0" });
  store = new Store(() => 0);
  store.apply({ type: "@user", user: ME });
  for (const name of ["lobby", "other"]) store.apply({ type: "@want", room: name });
  reader(state.kept);
  store.apply(joined([message(1), message(2)], { read: "0-0" }));
  store.apply(joined([message(1)], { room: "other", read: "0-0" }));
  assert.deepEqual([room().unread, room("other").unread], [1, 1]);
});

test("reading that is heard of before the room is there counts what is new since all the same", () => {
  reader();
  store.apply({ type: "read", room: "other", position: "100-1" });
  store.apply(joined([message(1), message(2), message(3)], { room: "other", read: "0-0" }));
  assert.equal(room("other").unread, 2);
});

test("of a room one left for good, nothing is kept or told any more", () => {
  const { state } = reader({ "p-1": "100-1", other: "100-1" });
  store.apply({ type: "@want", room: "p-1" });
  store.apply(joined([message(1), message(2, "x", { room: "p-1", from: ME })], { room: "p-1", read: "100-1" }));
  store.apply({ type: "forgotten", room: "p-1" });
  assert.deepEqual(state.kept, { other: "100-1" });
  state.run();
  state.runSoon();
  assert.deepEqual([state.kept, state.server, state.channel], [{ other: "100-1" }, [], []]);
  assert.equal(store.recallRead("p-1"), null);
});

test("reading is told to the other tabs soon, a burst of it as one, and kept and told to the server once in a while", () => {
  const { state } = reader({ other: "100-9" });
  store.apply(joined([message(1)], { read: "100-1" }));
  arrives(2);
  arrives(3);
  assert.deepEqual(state.channel, []);
  state.runSoon();
  assert.deepEqual(state.channel.map(({ room: name, position }) => [name, position]), [["lobby", "100-3"]]);
  assert.deepEqual(state.server, []);
  state.run();
  assert.deepEqual(state.server, [["lobby", "100-3"]]);
  assert.deepEqual(state.kept, { other: "100-9", lobby: "100-3" });
});

test("what the server could not be told is told when it hears again, once", () => {
  const { state } = reader();
  store.apply(joined([message(1)], { read: "100-1" }));
  state.hears = false;
  arrives(2);
  state.run();
  assert.deepEqual(state.server, []);
  state.hears = true;
  state.run();
  assert.deepEqual(state.server, [["lobby", "100-2"]]);
  state.run();
  assert.equal(state.server.length, 1);
});

test("a server that does not keep read positions is told nothing", () => {
  const { state } = reader();
  store.apply(joined([message(1)]));
  arrives(2);
  state.run();
  assert.deepEqual(state.server, []);
  assert.deepEqual(state.kept, { lobby: "100-2" });
});

test("what another tab of the same user read is read here too", () => {
  const { hear } = reader();
  store.apply(joined([message(1)], { room: "other" }));
  arrives(2, { room: "other" });
  hear({ type: "read", user: "u-else", room: "other", position: "100-2" });
  hear({ type: "read", user: ME.id, room: "other", position: "nonsense" });
  hear("nonsense");
  assert.equal(room("other").unread, 1);
  hear({ type: "read", user: ME.id, room: "other", position: "100-2" });
  assert.equal(room("other").unread, 0);
});

test("whom the server named counts, and where it named others a name in the text is theirs", () => {
  const ada = { id: "u-ada", name: "Ada" };
  assert.equal(mentions({ text: "@Ada Smith look", mentions: ["u-smith"] }, ada), false);
  assert.equal(mentions({ text: "@Ada Smith look", mentions: ["u-smith"] }, { id: "u-smith", name: "Ada Smith" }), true);
  assert.equal(mentions({ text: "@Ada Smith and @Ada", mentions: ["u-smith", "u-ada"] }, ada), true);
  assert.equal(mentions({ text: "@Ada look", mentions: [] }, ada), true, "it named nobody at all");
  assert.equal(mentions({ text: "@Ada look", mentions: ["u-before"] }, { ...ada, former: ["u-before"] }), true, "it named who she was");
});
