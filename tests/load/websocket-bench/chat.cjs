// What websocket-bench does with each connection: join a room, say something, wait for the acknowledgement, and hear what
// everybody in the room says. The tool loads this file into each of its workers and calls the two functions at the end.
//
//   HUBBUB_ROOMS  over how many rooms the connections are spread (1)
//   HUBBUB_TEXT   how many characters a message has (64)
//
// The tool measures no answer, so the counts are kept here; each worker prints its own as one line of JSON when it ends.
"use strict";

const { writeSync } = require("node:fs");

/** How long a join, an acknowledgement or a delivery may take, in milliseconds; without a limit the tool would never end. */
const PATIENCE = 30_000;
const ROOMS = Number(process.env["HUBBUB_ROOMS"] ?? 1);
const TEXT = "x".repeat(Number(process.env["HUBBUB_TEXT"] ?? 64));
/** Send keys and rooms of this worker differ from those of any other run. */
const RUN = `${process.pid.toString(36)}-${Date.now().toString(36)}`;

/**
 * @typedef {{ write: (frame: object) => boolean, on: (event: "data", hear: (frame: any) => void) => void }} Client
 *   a connection, as the tool's library gives it
 * @typedef {(error?: Error) => void} Done must be called exactly once, or the tool never ends
 * @typedef {{ since: number, done: Done | undefined, timer: NodeJS.Timeout }} Send
 * @typedef {{ name: string, slowest: number, at: Map<number, number>, heads: number[], waiting: Map<number, Send> }} Room
 *   `at` says how many members have got to a number, `slowest` is the lowest of these numbers, `heads` are those at which
 *   they joined; `waiting` are the sends that are acknowledged under a number and not yet heard by everybody
 * @typedef {{ client: Client, room: Room, last: string | undefined, waiting: Map<number, (reply: any) => void> }} Member
 *   `last` is the position of the last message it has; `waiting` are its requests without an answer
 */

const counts = { joined: 0, resumed: 0, sent: 0, acknowledged: 0, refused: 0, late: 0, heard: 0, twice: 0, missing: 0, gaps: 0 };
/** @type {number[]} */
const ackTimes = [];
/** @type {Record<string, number>} */
const reasons = {};
/** @type {Map<string, Room>} */
const rooms = new Map();
/** @type {WeakMap<Client, Member>} */
const members = new WeakMap();
let lastId = 0;
let lastRoom = 0;

/** The number in a position `<epoch>-<number>`; a room of a load test keeps one epoch. @param {string} position */
function numberOf(position) {
  return Number(position.slice(position.indexOf("-") + 1));
}

/** @returns {Room} */
function nextRoom() {
  const name = `load-${(lastRoom++ % ROOMS) + 1}`;
  const room = rooms.get(name) ?? { name, slowest: Infinity, at: new Map(), heads: [], waiting: new Map() };
  rooms.set(name, room);
  return room;
}

/** Asks something, and passes on the reply that carries the same id. @param {Member} member @param {object} frame @param {(reply: any) => void} then */
function ask(member, frame, then) {
  const id = ++lastId;
  member.waiting.set(id, then);
  member.client.write({ ...frame, id });
}

/** @param {Member} member @param {any} frame */
function hear(member, frame) {
  const then = member.waiting.get(frame.id);
  if (then) {
    member.waiting.delete(frame.id);
    then(frame);
  } else if (frame.type === "message") {
    hearMessage(member, frame.position);
  } else if (frame.type === "page") {
    // A member that read slowly gets what it missed in parts.
    for (const { position } of frame.messages) hearMessage(member, position);
  } else if (frame.type === "gap" || frame.type === "rollback") {
    counts.gaps += 1;
  }
}

/** Numbers of one room follow each other, so every fault shows. @param {Member} member @param {string} position */
function hearMessage(member, position) {
  const [before, number] = [numberOf(member.last ?? position), numberOf(position)];
  if (number <= before) {
    counts.twice += 1;
    return;
  }
  counts.heard += 1;
  counts.missing += number - before - 1;
  member.last = position;
  const { at } = member.room;
  const left = (at.get(before) ?? 0) - 1;
  if (left > 0) at.set(before, left);
  else at.delete(before);
  arrive(member.room, number);
}

/** A member has got to a number. Once all of this worker have, the send that has the number is done. @param {Room} room @param {number} number */
function arrive(room, number) {
  room.at.set(number, (room.at.get(number) ?? 0) + 1);
  room.slowest = Math.min(room.slowest, number);
  while (!room.at.has(room.slowest)) {
    room.slowest += 1;
    const send = room.waiting.get(room.slowest);
    if (send) finish(send);
    room.waiting.delete(room.slowest);
  }
}

/** @param {Send} send @param {Error} [error] */
function finish(send, error) {
  clearTimeout(send.timer);
  send.done?.(error);
  send.done = undefined;
}

/** @param {any} reply */
function refuse(reply) {
  const reason = reply.code ?? reply.type;
  counts.refused += 1;
  reasons[reason] = (reasons[reason] ?? 0) + 1;
  return new Error(reason);
}

/** @param {Client} client @param {Done} done */
function onConnect(client, done) {
  const known = members.get(client);
  if (known) return resume(known);
  /** @type {Member} */
  const member = { client, room: nextRoom(), last: undefined, waiting: new Map() };
  members.set(client, member);
  client.on("data", (frame) => hear(member, frame));
  const timer = setTimeout(() => {
    counts.late += 1;
    member.waiting.clear();
    done(new Error("not joined in time"));
  }, PATIENCE);
  ask(member, { type: "join", room: member.room.name }, (reply) => {
    clearTimeout(timer);
    if (reply.type !== "joined") return done(refuse(reply));
    counts.joined += 1;
    member.last = reply.head;
    member.room.heads.push(numberOf(reply.head));
    arrive(member.room, numberOf(reply.head));
    done();
  });
}

/** The library came back by itself. The tool must not count it again: `done` is left alone. @param {Member} member */
function resume(member) {
  if (member.last === undefined) return;
  ask(member, { type: "join", room: member.room.name, after: member.last }, (reply) => {
    if (reply.type !== "joined") return void refuse(reply);
    counts.resumed += 1;
    for (const { position } of reply.messages) hearMessage(member, position);
  });
}

/** @param {Client} client @param {Done} done */
function sendMessage(client, done) {
  const member = members.get(client);
  if (!member) return done(new Error("it never connected"));
  const { room } = member;
  const timer = setTimeout(() => {
    counts.late += 1;
    finish(send, new Error("not acknowledged, or not heard by everybody, in time"));
  }, PATIENCE);
  /** @type {Send} */
  const send = { since: performance.now(), done, timer };
  counts.sent += 1;
  ask(member, { type: "send", room: room.name, key: `${RUN}-${counts.sent}`, text: TEXT }, (reply) => {
    if (reply.type !== "ack") return finish(send, refuse(reply));
    counts.acknowledged += 1;
    ackTimes.push(performance.now() - send.since);
    const number = numberOf(reply.position);
    if (number <= room.slowest) finish(send);
    else room.waiting.set(number, send);
  });
}

/** @param {number} share */
function quantile(share) {
  const sorted = ackTimes.sort((a, b) => a - b);
  return Math.round((sorted[Math.ceil(sorted.length * share) - 1] ?? 0) * 10) / 10;
}

/** What was said in this run before a member joined, and what it did not get to; both over all members. */
function missed() {
  let [before, short] = [0, 0];
  for (const { at, heads } of rooms.values()) {
    const [first, end] = [Math.min(...heads), Math.max(...at.keys())];
    for (const head of heads) before += head - first;
    for (const [number, howMany] of at) short += howMany * (end - number);
  }
  return { before, short };
}

process.on("exit", () => {
  const latency = { ack_p50_ms: quantile(0.5), ack_p99_ms: quantile(0.99) };
  writeSync(1, `${JSON.stringify({ hubbub: { ...counts, ...missed(), ...latency, reasons } })}\n`);
});

module.exports = { onConnect, sendMessage };
