// The long-poll transport against a server that is a function.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { LongPollTransport } from "../../static/js/transport/long_poll.js";
import { joined, message, settle } from "./support.mjs";

let asked;
let answers;
let frames;
let caughtUp;
let endings;
let sleeps;
let hidden;
let cursors;

/** Answers in the order given; after that every request is held until it is aborted. */
function fakeFetch(path, { body, signal }) {
  asked.push({ path, body: JSON.parse(body) });
  const queue = answers[path] ?? [];
  const next = queue.shift();
  if (next === undefined || next === "hold") {
    return new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(new Error("aborted")));
      if (signal.aborted) reject(new Error("aborted"));
    });
  }
  if (next === "broken") return Promise.reject(new TypeError("no network"));
  const { status = 200, headers = {}, ...rest } = next;
  return Promise.resolve(new Response(JSON.stringify(rest), { status, headers }));
}

const hello = { type: "hello", connection: "c-1", user: { id: "u", name: "U" } };
const polls = () => asked.filter(({ path }) => path.endsWith("/poll")).map(({ body }) => body);
const posts = () => asked.filter(({ path }) => path.endsWith("/frames")).map(({ body }) => body);
const open = () =>
  new LongPollTransport(
    {
      onframe: (frame) => {
        frames.push(frame);
        if (frame.type === "joined") cursors[frame.room] = frame.head;
      },
      gather: (deliver) => deliver(),
      onroom: (room) => caughtUp.push(room),
      onclose: (ending) => endings.push(ending),
    },
    {
      fetch: fakeFetch,
      sleep: (ms, signal) => {
        sleeps.push(ms);
        return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
      },
      cursor: (room) => cursors[room] ?? null,
      hidden: () => hidden,
      now: () => 0,
    },
  );

beforeEach(() => {
  asked = [];
  answers = { "/api/v1/poll": [{ frames: [hello], control: "9-1", more: false }] };
  frames = [];
  caughtUp = [];
  endings = [];
  sleeps = [];
  hidden = false;
  cursors = {};
});

test("the first poll names no connection and is not held", async () => {
  open();
  await settle();
  assert.deepEqual(polls()[0], { rooms: {}, hold_ms: 0, turn: 1 });
  assert.equal(frames[0].type, "hello");
});

test("joining makes the next poll name the room with our position, the connection and the control log", async () => {
  const poll = open();
  await settle();
  cursors["lobby"] = { after: "100-7", presence_version: 3 };
  poll.send({ type: "join", room: "lobby", after: "100-7" });
  poll.send({ type: "join", room: "new" });
  await settle();
  assert.deepEqual(polls().at(-1), {
    connection: "c-1",
    rooms: { lobby: { after: "100-7", presence_version: 3 }, new: null },
    control: "9-1",
    hold_ms: 0,
    turn: 2,
  });
  poll.close();
});

test("only once a room is caught up the server may hold the answer, so that sends need not wait for news", async () => {
  answers["/api/v1/poll"].push({ frames: [], more: false });
  cursors["lobby"] = "100-7";
  const poll = open();
  poll.send({ type: "join", room: "lobby", after: "100-7" });
  await settle();
  assert.deepEqual(polls().map((body) => body.hold_ms), [0, 0, 25_000]);
  assert.deepEqual(caughtUp, ["lobby"]);
  poll.close();
});

test("a room is caught up with the first answer that has no more", async () => {
  answers["/api/v1/poll"].push({ frames: [message(8)], more: true }, { frames: [message(9)], more: false });
  cursors["lobby"] = "100-7";
  const poll = open();
  poll.send({ type: "join", room: "lobby", after: "100-7" });
  await settle();
  assert.deepEqual(frames.slice(1).map((frame) => frame.position), ["100-8", "100-9"]);
  assert.deepEqual(caughtUp, ["lobby"]);
  poll.close();
});

test("a room that did not fit into an answer is asked for again, and none is caught up before all were answered", async () => {
  const attic = joined([], { room: "attic" });
  answers["/api/v1/poll"].push({ frames: [joined([message(1)])], more: true }, "hold", { frames: [attic], more: false });
  const poll = open();
  poll.send({ type: "join", room: "lobby" });
  poll.send({ type: "join", room: "attic" });
  await settle();
  assert.deepEqual(polls().at(-1).rooms, { lobby: "100-1", attic: null });
  assert.equal(polls().at(-1).hold_ms, 0);
  assert.deepEqual(caughtUp, []);
  poll.wake();
  await settle();
  assert.deepEqual(caughtUp, ["lobby", "attic"]);
  assert.deepEqual(polls().at(-1).rooms, { lobby: "100-1", attic: "0-0" });
  assert.equal(polls().at(-1).hold_ms, 25_000);
  poll.close();
});

test("a room that an answer passes over is not caught up, and is asked for again after a short pause", async () => {
  answers["/api/v1/poll"].push({ frames: [joined([message(1)])], more: false });
  const poll = open();
  poll.send({ type: "join", room: "lobby" });
  poll.send({ type: "join", room: "attic" });
  await settle();
  assert.deepEqual(caughtUp, ["lobby"]);
  assert.equal(sleeps.at(-1), 500);
  poll.wake();
  await settle();
  assert.deepEqual(polls().at(-1).rooms, { lobby: "100-1", attic: null });
  assert.equal(polls().at(-1).hold_ms, 0);
  poll.close();
});

test("a poll told that it came late changes nothing, and the next one waits as long as it says", async () => {
  const late = { type: "error", code: "bad_field", message: "", retry_after_ms: 250 };
  answers["/api/v1/poll"].push({ frames: [late], control: "9-1", more: false });
  const poll = open();
  poll.send({ type: "join", room: "lobby" });
  await settle();
  assert.deepEqual(frames, [hello]);
  assert.deepEqual(caughtUp, []);
  assert.deepEqual(endings, []);
  assert.equal(sleeps.at(-1), 250);
  poll.wake();
  await settle();
  assert.deepEqual(polls().at(-1), { connection: "c-1", rooms: { lobby: null }, control: "9-1", hold_ms: 0, turn: 3 });
  poll.close();
});

test("leaving a room is answered here, and the next poll omits it", async () => {
  const poll = open();
  poll.send({ type: "join", room: "lobby" });
  await settle();
  poll.send({ type: "leave", room: "lobby" });
  await settle();
  assert.deepEqual(frames.at(-1), { type: "left", room: "lobby", id: undefined });
  assert.deepEqual(polls().at(-1).rooms, {});
  poll.close();
});

test("frames go out one request at a time and in order", async () => {
  answers["/api/v1/frames"] = ["hold"];
  const poll = open();
  await settle();
  poll.send({ type: "send", room: "lobby", key: "a", text: "1" });
  poll.send({ type: "send", room: "lobby", key: "b", text: "2" });
  poll.send({ type: "typing", room: "lobby", on: true });
  await settle();
  assert.equal(posts().length, 1);
  assert.deepEqual(posts()[0].frames.map((frame) => frame.key), ["a"]);
  poll.close();
});

test("replies are handed over, but not the empty ok", async () => {
  const ack = { type: "ack", room: "lobby", key: "a", position: "100-1", at: 1, duplicate: false };
  answers["/api/v1/frames"] = [{ frames: [ack] }, { frames: [{ type: "ok" }] }];
  const poll = open();
  await settle();
  poll.send({ type: "send", room: "lobby", key: "a", text: "1" });
  poll.send({ type: "typing", room: "lobby", on: true });
  await settle();
  assert.deepEqual(frames.slice(1), [ack]);
  assert.equal(posts().length, 2);
  poll.close();
});

test("a refused request answers each of its frames instead of ending the link", async () => {
  answers["/api/v1/frames"] = [{ status: 413, error: { code: "too_big", message: "too big" } }];
  const poll = open();
  await settle();
  poll.send({ type: "send", id: 7, room: "lobby", key: "a", text: "1" });
  await settle();
  assert.deepEqual(frames.at(-1), { type: "error", id: 7, code: "too_big", message: "too big" });
  assert.deepEqual(endings, []);
  poll.close();
});

test("an HTTP error ends the link with its status and the pause it names", async () => {
  answers["/api/v1/poll"] = [{ status: 503, error: { code: "unavailable", message: "", retry_after_ms: 1_500 } }];
  open();
  await settle();
  assert.deepEqual(endings, [{ status: 503, retryMs: 1_500 }]);
});

test("a session store that is away makes the next poll wait and ends no link", async () => {
  answers["/api/v1/poll"] = [{ status: 504, error: { code: "unavailable", message: "", retry_after_ms: 1_500 } }];
  open();
  await settle();
  assert.deepEqual(endings, []);
  assert.equal(frames.at(-1).code, "unavailable");
});

test("a balancer whose instance does not answer ends the link", async () => {
  answers["/api/v1/poll"] = [{ status: 504, error: { code: "timeout", message: "" } }];
  open();
  await settle();
  assert.equal(endings.length, 1);
});

test("an intermediary's Retry-After counts too", async () => {
  answers["/api/v1/poll"] = [{ status: 429, headers: { "retry-after": "3" } }];
  open();
  await settle();
  assert.deepEqual(endings, [{ status: 429, retryMs: 3_000 }]);
});

test("no answer at all ends the link with status 0", async () => {
  answers["/api/v1/poll"] = ["broken"];
  open();
  await settle();
  assert.deepEqual(endings, [{ status: 0 }]);
});

test("an unavailable storage makes the next poll wait and no room counts as caught up", async () => {
  answers["/api/v1/poll"].push({ frames: [{ type: "error", code: "unavailable", message: "", retry_after_ms: 2_000 }] });
  const poll = open();
  poll.send({ type: "join", room: "lobby" });
  await settle();
  assert.equal(sleeps.at(-1), 2_000);
  assert.deepEqual(caughtUp, []);
  poll.close();
});

test("a room that cannot be followed is not asked for again, and the others go on", async () => {
  const error = { type: "error", code: "no_such_room", message: "", room: "gone" };
  answers["/api/v1/poll"].push({ frames: [joined([]), error], more: false });
  const poll = open();
  poll.send({ type: "join", room: "lobby" });
  poll.send({ type: "join", room: "gone" });
  await settle();
  assert.deepEqual(frames.at(-1), error);
  assert.deepEqual(caughtUp, ["lobby"]);
  assert.deepEqual(Object.keys(polls().at(-1).rooms), ["lobby"]);
  poll.close();
});

test("a hidden page asks without being held, and waking it asks at once", async () => {
  hidden = true;
  answers["/api/v1/poll"].push({ frames: [joined([])], more: false });
  const poll = open();
  poll.send({ type: "join", room: "lobby" });
  await settle();
  assert.deepEqual(caughtUp, ["lobby"]);
  assert.equal(sleeps.at(-1), 30_000);
  const before = polls().length;
  hidden = false;
  poll.wake();
  await settle();
  assert.equal(polls().length, before + 1);
  assert.equal(polls().at(-1).hold_ms, 25_000);
  poll.close();
});

test("nothing happens after closing", async () => {
  const poll = open();
  await settle();
  poll.close();
  await settle();
  assert.deepEqual(endings, []);
  const before = asked.length;
  poll.send({ type: "send", room: "lobby", key: "a", text: "1" });
  await settle();
  assert.equal(asked.length, before);
});
