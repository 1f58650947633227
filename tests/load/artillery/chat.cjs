// What one virtual user of chat.yml does. Replies are found by their id here: artillery's own `capture` fails as soon as
// the server says something that was not asked for, as a chat does all the time.
"use strict";

const { randomUUID } = require("node:crypto");

const BASE = process.env["HUBBUB_URL"] ?? "http://127.0.0.1:8080";
const TOKEN = process.env["HUBBUB_TOKEN"];
const ROOMS = 5;
/** How long a reply may take, in milliseconds. */
const PATIENCE = 10_000;

/**
 * @typedef {{ on: (event: string, hear: (data: Buffer) => void) => void, send: (text: string) => void }} Socket
 * @typedef {{ ws: Socket, vars: Record<string, unknown> & { $uuid: string, room: string } }} Context
 * @typedef {{ emit: (kind: "counter" | "histogram", name: string, value: number) => void }} Events
 */

/** The replies each socket waits for, by id. @type {WeakMap<Socket, Map<number, (reply: any) => void>>} */
const waiting = new WeakMap();
let lastId = 0;
let lastRoom = 0;

/**
 * Says to artillery where to connect, and as whom.
 * @param {{ target: string, options: { headers?: Record<string, string> } }} connection @param {Context} _context
 * @param {(error?: unknown) => void} done
 */
function signIn(connection, _context, done) {
  const url = `${BASE.replace(/^http/, "ws")}/ws`;
  if (TOKEN) {
    connection.target = `${url}?token=${TOKEN}`;
    return done();
  }
  cookies()
    .then((cookie) => {
      connection.target = url;
      // A cookie alone opens no WebSocket: a browser names its page, too.
      connection.options.headers = { cookie, origin: new URL(BASE).origin };
      done();
    })
    .catch(done);
}

async function cookies() {
  const body = JSON.stringify({ name: `Load ${randomUUID().slice(0, 8)}` });
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${BASE}/api/v1/session`, { method: "POST", headers, body });
  if (answer.status !== 201) throw new Error(`sign-in: ${answer.status}`);
  return answer.headers.getSetCookie().map((cookie) => cookie.split(";")[0]).join("; ");
}

/** @param {Context} context @param {Events} events */
async function join(context, events) {
  const replies = new Map();
  waiting.set(context.ws, replies);
  context.ws.on("message", (data) => {
    const frame = JSON.parse(data.toString());
    const then = replies.get(frame.id);
    replies.delete(frame.id);
    if (then) then(frame);
    else if (frame.type === "message") events.emit("counter", "hubbub.heard", 1);
  });
  context.vars.room = `load-${(lastRoom++ % ROOMS) + 1}`;
  await ask(context, "joined", { type: "join", room: context.vars.room });
  events.emit("counter", "hubbub.joined", 1);
}

/** @param {Context} context @param {Events} events */
async function say(context, events) {
  const since = performance.now();
  events.emit("counter", "hubbub.sent", 1);
  await ask(context, "ack", { type: "send", room: context.vars.room, key: randomUUID(), text: "Good morning" });
  events.emit("counter", "hubbub.acknowledged", 1);
  events.emit("histogram", "hubbub.ack_ms", performance.now() - since);
}

/** Asks something and waits for the reply, which must be of this type. @param {Context} context @param {string} type @param {object} frame */
function ask(context, type, frame) {
  const id = ++lastId;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${type} in time`)), PATIENCE);
    waiting.get(context.ws)?.set(id, (reply) => {
      clearTimeout(timer);
      if (reply.type === type) resolve(reply);
      else reject(new Error(reply.code ?? reply.type));
    });
    context.ws.send(JSON.stringify({ ...frame, id }));
  });
}

module.exports = { signIn, join, say };
