// The WebSocket transport with a socket that is a plain object: what came together is handed on together, in order, and
// before the end of the link.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { nextTask } from "../../static/js/lib/timing.js";
import { Store } from "../../static/js/store.js";
import { WebSocketTransport } from "../../static/js/transport/websocket.js";
import { ME, joined, message } from "./support.mjs";

let socket;
let heard;
let transport;

class FakeSocket {
  readyState = 1;
  sent = [];
  constructor() {
    socket = this;
  }
  send(text) {
    this.sent.push(text);
  }
  close() {
    this.readyState = 3;
  }
  says(...frames) {
    for (const frame of frames) this.onmessage({ data: JSON.stringify(frame) });
  }
}

beforeEach(() => {
  heard = [];
  transport = new WebSocketTransport("ws://here/ws", {
    onframe: (frame) => heard.push(frame.type),
    gather: (deliver) => {
      heard.push("(");
      deliver();
      heard.push(")");
    },
    onroom: (room) => heard.push(`caught up in ${room}`),
    onclose: ({ code }) => heard.push(`closed ${code}`),
  }, FakeSocket);
});

test("frames that come before the page has a turn are handed on as one", async () => {
  socket.says({ type: "hello" }, joined([message(1)]), message(2));
  assert.deepEqual(heard, []);
  await nextTask();
  assert.deepEqual(heard, ["(", "hello", "joined", "caught up in lobby", "message", ")"]);
  socket.says(message(3));
  await nextTask();
  assert.deepEqual(heard.slice(6), ["(", "message", ")"]);
});

test("what came before the end of a link is handed on before it", async () => {
  socket.says(message(1), { type: "move", within_ms: 10 });
  socket.onclose({ code: 1001, reason: "" });
  assert.deepEqual(heard, ["(", "message", "move", ")", "closed 1001"]);
  await nextTask();
  assert.deepEqual(heard.filter((type) => type === "message"), ["message"]);
});

test("a link that we end says nothing any more", async () => {
  socket.says(message(1));
  transport.close();
  await nextTask();
  assert.deepEqual(heard, []);
});

test("of a burst the store tells every message, and once that there is something to draw", () => {
  const store = new Store();
  store.apply({ type: "@user", user: ME });
  store.apply({ type: "@want", room: "lobby" });
  store.apply(joined([]));
  const told = [];
  for (const type of ["room", "rooms", "message"]) store.addEventListener(type, () => told.push(type));
  const before = store.rooms.get("lobby").changes;
  store.gather(() => {
    for (let seq = 1; seq <= 3; seq += 1) store.apply(message(seq));
    assert.notEqual(store.rooms.get("lobby").changes, before, "who draws meanwhile draws what has come");
  });
  assert.deepEqual(told, ["message", "message", "message", "rooms", "room"]);
  store.apply(message(4));
  assert.deepEqual(told.slice(5), ["message", "rooms", "room"]);
});

test("a delivery that fails tells what it has changed all the same", () => {
  const store = new Store();
  const told = [];
  store.addEventListener("rooms", () => told.push("rooms"));
  assert.throws(() => store.gather(() => {
    store.tell("rooms");
    throw new Error("stumbled");
  }), /stumbled/);
  store.tell("rooms");
  assert.deepEqual(told, ["rooms", "rooms"]);
});
