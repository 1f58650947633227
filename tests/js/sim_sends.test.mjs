// What a person writes, through thousands of bad days: the real connection, store and unsent list against a model of
// the server, with cut links, lost answers, reloads, hours away and a server that loses what it had acknowledged.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Connection } from "../../static/js/connection.js";
import { comparePositions } from "../../static/js/position.js";
import { Store } from "../../static/js/store.js";
import { Unsent } from "../../static/js/unsent.js";
import { Agenda, chance, runSeeds } from "./sim_rng.mjs";
import { ME, fakeShelf } from "./support.mjs";

const SEEDS = 1_500;
const ROOM = "lobby";
const MINUTE = 60_000;

/** One room's log, as design and contract describe it. */
class Server {
  entries = [];
  lost = [];
  keys = new Map();
  epoch = 0;
  seq = 0;
  unsettled = true;
  links = new Set();

  constructor(day) {
    this.day = day;
  }

  get head() {
    return this.entries.at(-1)?.position ?? "0-0";
  }

  append(key, text, from = ME) {
    const seen = this.keys.get(key);
    if (this.day.dedupes && seen && seen.until > this.day.now) return { ...seen, duplicate: true };
    this.settle();
    this.seq += 1;
    const position = `${this.epoch}-${this.seq}`;
    this.keys.set(key, { position, until: this.day.now + 10 * MINUTE });
    this.store({ type: "message", room: ROOM, position, key, from, text, at: this.day.now });
    return { position, duplicate: false };
  }

  /** After a loss the next look at the log opens an epoch. */
  settle() {
    if (!this.unsettled) return;
    this.unsettled = false;
    const prev = this.head;
    this.epoch = Math.max(this.epoch + 1, 1_000 + this.day.now);
    this.seq = 0;
    this.store({ type: "epoch", room: ROOM, position: `${this.epoch}-0`, prev });
  }

  store(entry) {
    this.entries.push(entry);
    for (const link of this.links) link.follow();
  }

  loseTail(count) {
    for (const entry of this.entries.splice(Math.max(1, this.entries.length - count))) {
      this.keys.delete(entry.key);
      if (entry.type === "message") this.lost.push(entry);
    }
    this.unsettled = true;
  }
}

/** One link of the page: frames arrive in order, some time later, until it is cut. */
class Link {
  open = true;
  deaf = false;
  position = null;
  arrives = 0;

  constructor(day, callbacks) {
    this.day = day;
    this.callbacks = callbacks;
    const { server } = day;
    server.links.add(this);
    if (day.away) this.later(20, () => this.end());
    else this.say({ type: "hello", protocol: 1, build: "b", instance: day.luck.one(["one", "two"]), user: ME, heartbeat_ms: 20_000 });
    this.beat();
  }

  later(delay, act) {
    this.day.agenda.after(delay, () => this.open && act());
  }

  say(...frames) {
    const { luck, now } = this.day;
    this.arrives = Math.max(this.arrives, now + luck.between(1, 150));
    this.later(this.arrives - now, () => {
      if (this.deaf) return;
      for (const frame of frames) {
        this.day.tell(`page hears ${JSON.stringify(frame).slice(0, 160)}`);
        this.callbacks.onframe(frame);
        if ((frame.type === "joined" || frame.type === "page") && !frame.more) this.callbacks.onroom(ROOM);
      }
    });
  }

  beat() {
    this.later(20_000, () => {
      this.say({ type: "ping" });
      this.beat();
    });
  }

  /** What the client says, on its way to the server. It gets there even when the link is cut meanwhile. */
  take(frame) {
    if (!this.open || this.deaf) return;
    this.day.tell(`page says ${JSON.stringify(frame)}`);
    this.day.agenda.after(this.day.luck.between(1, 150), () => this.answer(frame));
  }

  answer(frame) {
    const { server, luck } = this.day;
    if (frame.type === "join" && this.open) this.join(frame);
    else if (frame.type === "members") this.say({ type: "members", room: ROOM, version: 1, members: [ME], count: 1, id: frame.id });
    else if (frame.type === "history") this.look(frame);
    else if (frame.type === "ping") this.say({ type: "pong", id: frame.id });
    if (frame.type !== "send") return;
    if (luck.in100(8)) {
      this.say({ type: "error", id: frame.id, code: luck.one(["unavailable", "rate_limited"]), message: "", retry_after_ms: 500 });
      return;
    }
    const { position, duplicate } = server.append(frame.key, frame.text);
    if (luck.in100(10)) return; // the answer is lost
    this.say({ type: "ack", room: ROOM, key: frame.key, position, at: 1, duplicate, id: frame.id });
  }

  join({ after, id }) {
    const { server } = this.day;
    server.settle();
    const base = { type: "joined", room: ROOM, title: "Lobby", head: server.head, count: 1, id };
    if (after === undefined) {
      const messages = server.entries.filter(({ type }) => type === "message").slice(-50);
      this.position = server.head;
      this.say({ ...base, recovered: false, messages, more: false });
      return;
    }
    this.position = after;
    const whole = { type: "page", room: ROOM, messages: [], more: false };
    this.say({ ...base, recovered: !this.isLost(), messages: [], more: true }, ...this.missed(), whole);
  }

  /** History, in short pages, so that reading again takes several. */
  look({ before, id }) {
    const older = this.day.server.entries.filter(({ type, position }) =>
      type === "message" && (before === undefined || comparePositions(position, before) < 0));
    const messages = older.slice(-7);
    const more = older.length > messages.length;
    this.say({ type: "history", room: ROOM, messages, more, ...(more ? { before: messages[0].position } : {}), id });
  }

  isLost() {
    const next = this.day.server.entries.find(({ position }) => comparePositions(position, this.position) > 0);
    return next?.type === "epoch" && comparePositions(next.prev, this.position) < 0;
  }

  /** What the log has after the link's position, with word of a loss before it. */
  missed() {
    const { entries } = this.day.server;
    const next = entries.filter(({ position }) => comparePositions(position, this.position) > 0);
    const first = this.isLost() ? [{ type: "rollback", room: ROOM, after: next[0].prev }] : [];
    this.position = next.at(-1)?.position ?? this.position;
    return [...first, ...next];
  }

  follow() {
    if (this.open && this.position !== null) this.say(...this.missed());
  }

  /** The link is gone for both sides. */
  end(ending = { code: 1006 }) {
    if (!this.open) return;
    this.drop();
    this.callbacks.onclose(ending);
  }

  drop() {
    this.open = false;
    this.day.server.links.delete(this);
  }
}

/** A person with a page, and what goes wrong for them. */
class Day {
  away = false;
  wrote = [];
  reloads = 0;

  constructor(agenda, seed, trace, flaws = {}) {
    this.agenda = agenda;
    this.luck = chance(seed);
    this.trace = trace;
    this.flaws = flaws;
    this.dedupes = !flaws.noDedupe;
    this.shelf = fakeShelf();
    this.server = new Server(this);
    this.server.settle();
    this.keys = 0;
    this.load();
    this.housekeep();
  }

  get now() {
    return this.agenda.now;
  }

  tell(what) {
    this.trace(`${String(this.now).padStart(8)} ms  ${what}`);
  }

  /** A fresh page over the same storage. */
  load() {
    const now = () => 1_000_000 + this.now;
    this.store = new Store(now);
    this.unsent = new Unsent({ shelf: this.shelf, now, newKey: () => `k${(this.keys += 1)}` });
    if (this.flaws.forgetful) this.unsent.takeBack = () => false;
    if (this.flaws.eager) this.unsent.settle = () => {};
    const open = (_over, callbacks) => {
      const link = new Link(this, callbacks);
      return { send: (frame) => link.take(frame), wake: () => {}, close: () => link.drop() };
    };
    const parts = { store: this.store, unsent: this.unsent, open, now: () => this.now, random: this.luck.random, blocked: false };
    this.connection = new Connection(parts);
    this.store.apply({ type: "@user", user: ME });
    this.unsent.load(ME.id);
    this.connection.join(ROOM);
    this.store.apply({ type: "@open", room: ROOM });
    this.connection.start();
  }

  housekeep() {
    this.agenda.after(1_000, () => {
      this.store.apply({ type: "@time" });
      this.connection.housekeep();
      this.housekeep();
    });
  }

  write() {
    const text = `text ${this.wrote.length + 1}`;
    this.wrote.push(text);
    this.tell(`writes ${text}`);
    this.connection.post(ROOM, text);
  }

  reload() {
    this.reloads += 1;
    this.connection.stop();
    for (const link of [...this.server.links]) link.drop();
    this.load();
  }

  leaveFor(ms) {
    if (this.away) return;
    this.away = true;
    for (const link of [...this.server.links]) link.end();
    this.agenda.after(ms, () => {
      this.away = false;
      this.connection.nudge("online");
    });
  }

  happen(loses) {
    const { luck, server } = this;
    const events = {
      write: () => this.write(),
      writeTwo: () => [this.write(), this.write()],
      other: () => server.append(`o${(this.keys += 1)}`, "from somebody", { id: "u-ada", name: "Ada" }),
      cut: () => [...server.links].forEach((link) => link.end()),
      deaf: () => [...server.links].forEach((link) => (link.deaf = true)),
      away: () => this.leaveFor(luck.between(100, luck.one([5_000, 5 * MINUTE, 30 * MINUTE]))),
      trouble: () => (loses ? server.loseTail(luck.between(0, 4)) : this.reload()),
    };
    const name = luck.one(Object.keys(events));
    this.tell(`-- ${name}`);
    events[name]();
  }

  /** At the end, with everything working for a while. */
  judge(loses) {
    const failed = new Map(this.unsent.list(ROOM).map((item) => [item.text, item]));
    for (const [text, { state }] of failed) assert.equal(state, "failed", `${text} still waits`);
    const texts = this.server.entries.filter(({ from }) => from?.id === ME.id).map(({ text }) => text);
    for (const text of this.wrote) {
      const copies = texts.filter((other) => other === text).length;
      const why = failed.get(text)?.why;
      if (why === undefined) assert.equal(copies, 1, `${text} is there ${copies} times`);
      else if (why === "not_sent" && !loses) assert.equal(copies, 0, `${text} is called not sent, and is there`);
      else assert.ok(copies <= 1, `${text} is there ${copies} times`);
    }
    if (!loses) {
      const order = texts.map((text) => this.wrote.indexOf(text));
      assert.deepEqual(order, [...order].sort((a, b) => a - b), "in the order of writing");
    }
    const room = this.store.rooms.get(ROOM);
    const shown = room.entries.filter((entry) => entry.kind === "message" && !entry.lost).map(({ position }) => position);
    const real = this.server.entries.filter(({ type }) => type === "message").map(({ position }) => position);
    assert.deepEqual(shown, real.slice(real.length - shown.length), "the page shows the end of the log");
    assert.equal(room.position, this.server.head);
  }
}

/** The page's timers run on the agenda of the day. */
function withTimers(agenda, act) {
  const { setTimeout: set, clearTimeout: clear } = globalThis;
  globalThis.setTimeout = (run, ms) => agenda.after(ms, run);
  globalThis.clearTimeout = (number) => agenda.cancel(number);
  try {
    act();
  } finally {
    Object.assign(globalThis, { setTimeout: set, clearTimeout: clear });
  }
}

function live(seed, trace, flaws) {
  const agenda = new Agenda();
  withTimers(agenda, () => {
    const day = new Day(agenda, seed, trace, flaws);
    // Who reloads forgets what was acknowledged, so a day has either reloads or losses.
    const loses = seed % 2 === 0;
    for (let event = 0; event < 20; event += 1) {
      agenda.run(day.now + day.luck.between(1, day.luck.one([200, 2_000, 10_000])));
      day.happen(loses);
    }
    agenda.run(day.now + 31 * MINUTE);
    for (const link of [...day.server.links]) link.end();
    day.server.append("last", "from somebody", { id: "u-ada", name: "Ada" });
    agenda.run(day.now + 3 * MINUTE);
    day.judge(loses);
  });
}

test("what is written arrives once, in order, or is shown as not sent", () => {
  runSeeds(SEEDS, live);
});

for (const [flaw, flaws] of [
  ["a server that does not know its keys", { noDedupe: true }],
  ["a page that does not repeat what was lost", { forgetful: true }],
  ["a page that never decides about old sends", { eager: true }],
]) {
  test(`the simulation finds ${flaw}`, () => {
    const seeds = Array.from({ length: 200 }, (_, seed) => seed);
    assert.ok(seeds.some((seed) => fails(() => live(seed, () => {}, flaws))));
  });
}

function fails(act) {
  try {
    act();
    return false;
  } catch {
    return true;
  }
}
