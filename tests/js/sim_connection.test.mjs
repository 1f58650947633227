// The state machine of the connection in thousands of simulated networks: blocked, flapping, deaf, offline, draining.
// Whatever happens, it never holds more links than it may, tells the user the truth, and is back when a path works.

import assert from "node:assert/strict";
import { test } from "node:test";
import { TIMES } from "../../static/js/liveness.js";
import { Reconnect } from "../../static/js/reconnect.js";
import { Agenda, chance, runSeeds } from "./sim_rng.mjs";

const SEEDS = 3_000;
const INSTANCES = ["one", "two", "three"];
/** A path that works this long must have been found: a dead socket is noticed after 45 s, two tries may wait 20 s. */
const FOUND_MS = 100_000;

class Network {
  agenda = new Agenda();
  /** ok, refused (closed at once) or hang (nothing ever comes) */ ws = "ok";
  /** ok, dead (no answer) or busy (429) */ http = "ok";
  offline = false;
  draining = "";
  links = new Map();
  movedAt = new Map();
  upSince = null;
  downSince = 0;
  worksSince = 0;
  twoSince = null;
  ticks = { at: -1, count: 0 };
  timer = null;
  longestPause = 0;

  constructor(seed, tell, makeMachine) {
    this.luck = chance(seed);
    this.tell = (what) => tell(`${String(this.agenda.now).padStart(7)} ms  ${what}`);
    this.machine = makeMachine({ random: this.luck.random, blocked: this.luck.in100(10) });
  }

  get now() {
    return this.agenda.now;
  }

  /** Does what the machine says, and sees to it that it is called when it wants to be. */
  carryOut(steps) {
    for (const step of steps) {
      this.tell(`${step.do} ${step.link} ${step.over ?? ""}`);
      if (step.do === "open") this.open(step.link, step.over);
      else if (step.do === "close") this.links.delete(step.link);
      else this.ping(step.link);
    }
    if (this.timer !== null) this.agenda.cancel(this.timer);
    this.timer = null;
    const at = this.machine.nextTick(this.now);
    if (at === null) return;
    this.timer = this.agenda.after(Math.max(1, at - this.now), () => {
      this.timer = null;
      this.carryOut(this.machine.tick(this.now));
    });
  }

  later(delay, link, act) {
    this.agenda.after(delay, () => {
      if (this.links.get(link.id) === link) act();
    });
  }

  open(id, over) {
    const link = { id, over, up: false, deaf: false, ready: false, instance: "" };
    this.links.set(id, link);
    const quick = this.luck.between(5, 120);
    if (over === "websocket") {
      if (this.offline || this.ws === "refused") this.later(quick, link, () => this.end(link, { code: 1006 }));
      else if (this.ws === "ok") this.later(quick, link, () => this.greet(link));
    } else if (this.offline || this.http === "dead") this.later(quick, link, () => this.end(link, { status: 0 }));
    else if (this.http === "busy") {
      const retryMs = this.luck.between(500, 7_000);
      this.later(quick, link, () => this.end(link, { status: 429, retryMs }));
    } else this.later(quick, link, () => this.greet(link));
  }

  greet(link) {
    const free = INSTANCES.filter((name) => name !== this.draining || this.luck.in100(20));
    link.up = true;
    link.instance = link.over === "websocket" ? this.luck.one(free.length > 0 ? free : INSTANCES) : "";
    this.tell(`hello on ${link.id} from ${link.instance}`);
    this.carryOut(this.machine.hello(link.id, this.now, { instance: link.instance, heartbeat_ms: 20_000 }));
    if (!this.links.has(link.id)) return;
    this.later(this.luck.between(5, 400), link, () => {
      if (link.deaf) return;
      link.ready = true;
      this.carryOut(this.machine.ready(link.id, this.now));
    });
    this.beat(link);
    if (link.instance !== "" && link.instance === this.draining) this.move(link);
  }

  beat(link) {
    this.later(20_000, link, () => {
      if (!link.deaf) this.carryOut(this.machine.heard(link.id, this.now));
      this.beat(link);
    });
  }

  ping(id) {
    const link = this.links.get(id);
    if (link && !link.deaf && !this.offline) {
      this.later(this.luck.between(10, 500), link, () => this.carryOut(this.machine.heard(id, this.now)));
    }
  }

  end(link, ending) {
    this.links.delete(link.id);
    this.tell(`${link.over} ${link.id} ends: ${JSON.stringify(ending)}`);
    this.carryOut(this.machine.closed(link.id, this.now, ending));
  }

  move(link) {
    this.tell(`${link.id} is asked to move`);
    this.movedAt.set(link.id, this.now);
    this.carryOut(this.machine.move(link.id, this.now, 20_000));
    const reason = JSON.stringify({ retry_ms: 5_000 });
    this.later(this.luck.between(20_000, 25_000), link, () => this.end(link, { code: 1012, reason }));
  }

  sockets() {
    return [...this.links.values()].filter(({ over }) => over === "websocket");
  }

  /** One thing that happens to a network or its user. */
  happen() {
    const { luck } = this;
    const cut = (links) => {
      for (const link of links) this.later(luck.between(1, 800), link, () => this.end(link, { code: 1006 }));
    };
    const events = {
      flap: () => cut(this.sockets()),
      deaf: () => this.sockets().forEach((link) => (link.deaf = true)),
      blocked: () => {
        this.ws = luck.one(["refused", "hang"]);
        if (luck.in100(50)) cut(this.sockets());
      },
      free: () => (this.ws = "ok"),
      http: () => {
        this.http = luck.one(["ok", "ok", "dead", "busy"]);
        if (this.http === "dead") this.failPolls();
      },
      drain: () => this.drain(),
      offline: () => this.goOffline(),
      wake: () => this.carryOut(this.machine.wake(this.now)),
      tryNow: () => this.carryOut(this.machine.tryNow(this.now)),
    };
    const name = luck.one(Object.keys(events));
    this.tell(`-- ${name}`);
    events[name]();
  }

  failPolls() {
    for (const link of this.links.values()) {
      if (link.over === "long_poll") this.later(this.luck.between(1, 900), link, () => this.end(link, { status: 0 }));
    }
  }

  drain() {
    this.draining = this.luck.one(INSTANCES);
    for (const link of this.sockets()) if (link.up && link.instance === this.draining) this.move(link);
    this.agenda.after(25_000, () => (this.draining = ""));
  }

  goOffline() {
    if (this.offline) return;
    this.offline = true;
    // Some say so too early, while everything still arrives.
    const early = this.luck.in100(20);
    if (!early) for (const link of this.sockets()) link.deaf = true;
    if (!early) this.failPolls();
    this.carryOut(this.machine.offline(this.now));
    this.agenda.after(this.luck.between(100, 60_000), () => {
      this.offline = false;
      this.carryOut(this.machine.online(this.now));
    });
  }

  heal() {
    this.ws = this.luck.one(["ok", "ok", "refused", "hang"]);
    this.http = this.ws === "ok" ? this.luck.one(["ok", "dead"]) : "ok";
    this.draining = "";
    if (this.ws !== "ok") for (const link of this.sockets()) link.deaf = true;
    if (this.http === "dead") this.failPolls();
    this.tell(`-- heals: ws ${this.ws}, http ${this.http}`);
  }

  /** What must hold after every step. */
  check() {
    const { machine, now } = this;
    const held = [machine.socket, machine.successor, machine.poll].flatMap((link) => (link ? [link.id] : []));
    assert.deepEqual([...this.links.keys()].sort(), held.sort(), "the links that are open are the ones it knows");
    const kinds = [...this.links.values()].map(({ over }) => over);
    assert.ok(kinds.filter((over) => over === "long_poll").length <= 1, "one poll at most");
    assert.ok(this.sockets().filter(({ ready }) => ready).length <= 1, "one socket with every room at most");
    const two = this.sockets().length > 1;
    this.twoSince = two ? (this.twoSince ?? now) : null;
    if (two) assert.ok(now - this.twoSince <= 30_000, "two sockets only for the length of a move");

    const up = [...this.links.values()].some((link) => link.up);
    this.downSince = up ? null : (this.downSince ?? now);
    const { kind } = machine.status(now);
    if (up) assert.equal(kind, "up", "a transport is up");
    else if (now - this.downSince < TIMES.quiet) assert.equal(kind, "quiet", "three seconds are no news");
    else assert.ok(["connecting", "waiting", "offline"].includes(kind), `nothing is up, it says ${kind}`);
    this.checkPauses(up);
  }

  checkPauses(up) {
    const { machine, now } = this;
    const next = machine.nextTick(now);
    if (up || this.offline) return;
    assert.ok(next !== null, "without a transport it always has something to try");
    if (this.links.size === 0) assert.ok(next - now <= TIMES.cap, `it waits ${next - now} ms with nothing under way`);
  }
}

function live(seed, tell, makeMachine = (parts) => new Reconnect(parts)) {
  const network = new Network(seed, tell, makeMachine);
  const check = () => network.check();
  network.carryOut(network.machine.start(0));
  for (let event = 0; event < 25; event += 1) {
    network.agenda.run(network.now + network.luck.between(10, network.luck.one([500, 5_000, 40_000])), check);
    network.happen();
    check();
  }
  network.agenda.run(network.now + 61_000, check);
  network.heal();
  network.agenda.run(network.now + FOUND_MS, check);
  assert.ok([...network.links.values()].some((link) => link.up && !link.deaf), "a path works, and it is not used");
  const opened = network.machine.usable.length;
  assert.ok(opened >= 1, "something can be sent on");
}

test("in any network it comes back, holds no link too many and tells no untruth", () => {
  runSeeds(SEEDS, live);
});

for (const [flaw, makeMachine] of [
  ["a link that is not closed when its successor is ready", (parts) => leaky(new Reconnect(parts))],
  ["no second try after a loss", (parts) => tired(new Reconnect(parts))],
  ["a notice without a pause", (parts) => hasty(new Reconnect(parts))],
]) {
  test(`the simulation finds ${flaw}`, () => {
    const found = Array.from({ length: 200 }, (_, seed) => seed).some((seed) => {
      try {
        live(seed, () => {}, makeMachine);
        return false;
      } catch {
        return true;
      }
    });
    assert.ok(found);
  });
}

function leaky(machine) {
  const { ready } = machine;
  machine.ready = (id, now) => ready.call(machine, id, now).filter((step) => step.do !== "close");
  return machine;
}

function tired(machine) {
  machine.tick = () => [];
  return machine;
}

function hasty(machine) {
  const { status } = machine;
  machine.status = (now) => {
    const said = status.call(machine, now);
    return said.kind === "quiet" ? { kind: "connecting" } : said;
  };
  return machine;
}
