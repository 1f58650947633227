// What edits, deletes and reactions make of messages, each applied once and undone when the server lost it.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { messageAt } from "../../static/js/fold.js";
import { Store } from "../../static/js/store.js";
import { ME, fakeClock, joined, message } from "./support.mjs";

const ADA = { id: "u-ada", name: "Ada" };
const BEN = { id: "u-ben", name: "Ben" };
let store;
const room = () => store.rooms.get("lobby");
const at = (seq) => messageAt(room(), `100-${seq}`);
const entry = (type, seq, target, more = {}) => ({
  type, room: "lobby", position: `100-${seq}`, at: 2_000_000 + seq, key: `e${seq}`, target: `100-${target}`, by: ADA, ...more,
});
const edited = (seq, target, text, more) => entry("edited", seq, target, { text, ...more });
const reacted = (seq, target, by, on, emoji = "👍") => entry("reacted", seq, target, { by, on, emoji });
const faces = (seq) => (at(seq).reactions ?? []).map(({ emoji, users }) => `${emoji} ${users.map(({ name }) => name).join("+")}`);

beforeEach(() => {
  store = new Store(fakeClock());
  store.apply({ type: "@user", user: ME });
  store.apply({ type: "@want", room: "lobby" });
  store.apply(joined([message(1), message(2), message(3)]));
});

test("an edit changes the text, says when, and moves the position", () => {
  store.apply(edited(4, 2, "better", { mentions: [ME.id] }));
  assert.equal(at(2).text, "better");
  assert.equal(at(2).edited, 2_000_004);
  assert.deepEqual(at(2).mentions, [ME.id]);
  assert.equal(room().position, "100-4");
  assert.equal(at(1).text, "message 1");
});

test("an edit that mentions nobody takes the mentions away", () => {
  store.apply(message(4, "@Me", { mentions: [ME.id] }));
  store.apply(edited(5, 4, "never mind"));
  assert.deepEqual(at(4).mentions, []);
});

test("a deleted message keeps its place, and nothing of what it said", () => {
  store.apply(reacted(4, 2, BEN, true));
  store.apply(entry("deleted", 5, 2));
  assert.equal(at(2).text, "");
  assert.equal(at(2).deleted, true);
  assert.deepEqual(faces(2), []);
  store.apply(edited(6, 2, "back again"));
  assert.equal(at(2).text, "", "nothing brings it back");
});

test("reactions are set and unset per person, in the order first set", () => {
  store.apply(reacted(4, 2, BEN, true, "🎉"));
  store.apply(reacted(5, 2, ADA, true));
  store.apply(reacted(6, 2, ME, true));
  assert.deepEqual(faces(2), ["🎉 Ben", "👍 Ada+Me"]);
  store.apply(reacted(7, 2, BEN, false, "🎉"));
  store.apply(reacted(8, 2, ADA, true));
  assert.deepEqual(faces(2), ["👍 Ada+Me"]);
});

test("an entry counts once, however many links bring it", () => {
  store.apply(reacted(4, 2, BEN, true));
  store.apply(reacted(5, 2, BEN, false));
  store.apply(reacted(4, 2, BEN, true));
  assert.deepEqual(faces(2), []);
  store.apply(edited(6, 2, "first"));
  store.apply(edited(7, 2, "second"));
  store.apply(edited(6, 2, "first"));
  assert.equal(at(2).text, "second");
});

test("what the server shows folded is shown so", () => {
  const reactions = [{ emoji: "👍", users: [ADA, BEN] }];
  store.apply(message(4, "now", { edited: 7, reactions, reply_to: "100-1", mentions: [ME.id] }));
  store.apply(message(5, "", { deleted: true }));
  assert.deepEqual(at(4).reactions, reactions);
  assert.equal(at(4).edited, 7);
  assert.equal(at(4).reply_to, "100-1");
  assert.equal(at(5).deleted, true);
});

test("a change of a message that the page does not have only moves the position", () => {
  store.apply(edited(4, 0, "who knows"));
  assert.equal(room().position, "100-4");
});

test("a message is found by its position among all kinds of entries", () => {
  store.apply({ type: "notice", room: "lobby", text: "x", position: "100-4", at: 5 });
  store.apply(message(5));
  assert.equal(at(5).text, "message 5");
  assert.equal(at(4), null);
  assert.equal(messageAt(room(), undefined), null);
  assert.equal(messageAt(null, "100-1"), null);
  assert.equal(messageAt(room(), "99-7"), null);
});

test("what a failover took of edits, deletes and reactions is undone, newest first", () => {
  store.apply(reacted(4, 2, BEN, true));
  store.apply(edited(5, 1, "kept"));
  store.apply(edited(6, 1, "lost once"));
  store.apply(edited(7, 1, "lost twice"));
  store.apply(reacted(8, 2, BEN, false));
  store.apply(entry("deleted", 9, 3));
  store.apply({ type: "rollback", room: "lobby", after: "100-5" });
  assert.equal(at(1).text, "kept");
  assert.deepEqual(faces(2), ["👍 Ben"]);
  assert.equal(at(3).text, "message 3");
  store.apply({ type: "epoch", room: "lobby", position: "200-0", prev: "100-5" });
  store.apply({ ...edited(1, 1, "again"), position: "200-1" });
  assert.equal(at(1).text, "again");
});

test("a new epoch undoes what lies before it and was lost, and leaves what came after", () => {
  store.apply(reacted(4, 2, BEN, true));
  store.apply({ type: "epoch", room: "lobby", position: "200-0", prev: "100-3" });
  assert.deepEqual(faces(2), []);
  store.apply({ ...reacted(1, 2, ADA, true), position: "200-1" });
  store.apply({ type: "rollback", room: "lobby", after: "100-3" });
  assert.deepEqual(faces(2), ["👍 Ada"]);
});

test("our own message that was deleted does not come back from a failover", () => {
  const lost = [];
  store.addEventListener("lost", (event) => lost.push(event.detail));
  store.apply(message(4, "mine", { from: ME, key: "k4" }));
  store.apply(message(5, "an answer", { from: ME, key: "k5", reply_to: "100-1" }));
  store.apply(entry("deleted", 6, 4, { by: ME }));
  store.apply({ type: "rollback", room: "lobby", after: "100-3" });
  const [{ messages }] = lost;
  const sent = messages.map(({ key, deed }) => [key, deed]);
  assert.ok(sent.some(([key, deed]) => key === "k5" && deed.reply_to === "100-1"));
  assert.ok(!sent.some(([key]) => key === "k4"));
});

const done = (seq, target, change) => ({ type: "@done", room: "lobby", fold: { position: `100-${seq}`, key: `e${seq}`, target: `100-${target}`, change } });
const restart = (after) => store.apply({ type: "epoch", room: "lobby", position: "200-0", prev: `100-${after}` });

test("a change of ours counts once, whether its ack or its entry comes first", () => {
  const react = { kind: "react", emoji: "👍", on: true, by: ME };
  store.apply(done(4, 2, react));
  assert.deepEqual(faces(2), ["👍 Me"]);
  assert.equal(room().position, "100-3", "an ack does not move it: others may have said something before");
  store.apply(reacted(4, 2, ME, true));
  store.apply(reacted(5, 2, ME, false));
  store.apply(done(4, 2, react));
  assert.deepEqual(faces(2), []);
});

test("what came before our own change, and later here, does not undo it", () => {
  store.apply(done(5, 2, { kind: "edit", text: "from here", at: 5, mentions: undefined }));
  store.apply(edited(4, 2, "from my phone"));
  assert.equal(at(2).text, "from here");
  store.apply(edited(5, 2, "from here"));
  restart(4);
  assert.equal(at(2).text, "from my phone");
});

test("a change of ours that was acknowledged and lost before its entry came is not shown as done", () => {
  store.apply(done(4, 2, { kind: "edit", text: "lost", at: 5, mentions: undefined }));
  store.apply(done(5, 3, { kind: "delete" }));
  restart(3);
  assert.equal(at(2).text, "message 2");
  assert.equal(at(2).edited, undefined);
  assert.equal(at(3).text, "message 3");
});

test("what somebody deleted is not shown again because the message is lost as well", () => {
  store.apply(message(4, "taken back"));
  store.apply(entry("deleted", 5, 4));
  store.apply({ type: "rollback", room: "lobby", after: "100-3" });
  assert.equal(room().entries.at(-1).text, "");
  restart(3);
  assert.equal(room().entries.at(-1).deleted, true);
});

test("an answer that is older than what came meanwhile takes none of it back", () => {
  store.apply(reacted(4, 2, BEN, true));
  store.apply(reacted(5, 0, BEN, true));
  store.apply({ type: "history", room: "lobby", more: false, messages: [message(0), message(1), message(2), message(3)] });
  assert.deepEqual(faces(2), ["👍 Ben"]);
  assert.deepEqual(faces(0), ["👍 Ben"], "nor of a message that was not there when it came");
});

test("more changes than are kept end as the log does", () => {
  for (let seq = 4; seq < 1_200; seq += 1) store.apply(edited(seq, 1 + (seq % 2), `text ${seq}`));
  assert.deepEqual([at(1).text, at(2).text], ["text 1198", "text 1199"]);
  assert.ok(room().folds.length <= 500);
  restart(1_197);
  assert.deepEqual([at(1).text, at(2).text], ["text 1196", "text 1197"]);
  restart(3);
  assert.equal(room().bases.size, 0, "nothing is kept for messages that nothing changes");
});

test("messages that were read before a loss are read again, and look as they are said to", () => {
  const reactions = [{ emoji: "👍", users: [BEN] }];
  store.apply(message(4, "read as edited", { edited: 7, reactions }));
  assert.equal(room().doubtful, false);
  restart(4);
  assert.equal(room().doubtful, true);
  store.apply({ ...reacted(1, 4, ADA, true), position: "200-1" });
  store.apply({ type: "history", room: "lobby", more: true, before: "100-2", messages: [message(2), message(3), message(4, "as it was"), message("200-2")] });
  assert.equal(at(4).text, "as it was");
  assert.equal(at(4).edited, undefined);
  assert.deepEqual(faces(4), ["👍 Ada"]);
  assert.deepEqual(room().entries.map(({ position }) => position), ["100-1", "100-2", "100-3", "100-4"], "what is new comes as such");
  assert.equal(room().before, "100-1", "nothing older came, so history goes on where it was");
});

test("what a failover took does not count as new, and counts once when it is restored", () => {
  store.apply({ type: "@attend", on: false });
  store.apply(message(4));
  assert.equal(room().unread, 1);
  restart(3);
  assert.equal(room().unread, 0);
  store.apply(message("200-1", "message 4", { key: "key-100-4" }));
  assert.equal(room().unread, 1);
});
