// The state machine of links, driven by hand: no clock, no socket, and "random" is always one half.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Reconnect } from "../../static/js/reconnect.js";

let machine;
let steps;
const run = (taken) => {
  steps.push(...taken);
  return taken;
};
const opened = (over) => steps.filter((step) => step.do === "open" && step.over === over).map((step) => step.link);
const closed = () => steps.filter((step) => step.do === "close").map((step) => step.link);
const up = (link, now, instance = "one") => {
  run(machine.hello(link, now, { instance, heartbeat_ms: 20_000 }));
  run(machine.ready(link, now));
};
/** Runs the ticks the machine asks for until a time. */
const runUntil = (from, until) => {
  let now = from;
  for (let turns = 0; turns < 1_000; turns += 1) {
    const next = machine.nextTick(now);
    if (next === null || next > until) break;
    now = Math.max(next, now);
    run(machine.tick(now));
  }
};

beforeEach(() => {
  machine = new Reconnect({ random: () => 0.5 });
  steps = [];
});

test("it begins with a WebSocket and says nothing for three seconds", () => {
  run(machine.start(0));
  assert.deepEqual(steps, [{ do: "open", link: 1, over: "websocket" }]);
  assert.equal(machine.status(2_900).kind, "quiet");
  assert.equal(machine.status(3_100).kind, "connecting");
});

test("a link is up at its hello", () => {
  run(machine.start(0));
  assert.deepEqual(machine.usable, []);
  run(machine.hello(1, 50, { instance: "one" }));
  assert.deepEqual(machine.usable, [1]);
  assert.deepEqual(machine.status(60), { kind: "up", slow: false });
});

test("a first socket without hello is joined by a poll after two seconds and given up after four", () => {
  run(machine.start(0));
  runUntil(0, 1_900);
  assert.deepEqual(opened("long_poll"), []);
  runUntil(1_900, 2_000);
  assert.deepEqual(opened("long_poll"), [2]);
  runUntil(2_000, 4_000);
  assert.deepEqual(closed(), [1]);
});

test("where HTTP answers and WebSocket does not, it polls and knocks less and less often", () => {
  run(machine.start(0));
  run(machine.closed(1, 10, { code: 1006 }));
  assert.deepEqual(opened("long_poll"), [2]);
  run(machine.hello(2, 30, {}));
  run(machine.ready(2, 30));
  assert.ok(machine.blocked);
  runUntil(30, 30_000);
  assert.deepEqual(opened("websocket"), [1]);
  runUntil(30_000, 30_030);
  const [, second] = opened("websocket");
  run(machine.closed(second, 30_040, { code: 1006 }));
  runUntil(30_040, 60_000);
  assert.equal(opened("websocket").length, 2);
  runUntil(60_000, 160_000);
  assert.equal(opened("websocket").length, 3);
});

test("slow network mode is told after a while, not at once", () => {
  run(machine.start(0));
  run(machine.closed(1, 10, { code: 1006 }));
  run(machine.hello(2, 30, {}));
  assert.deepEqual(machine.status(100), { kind: "up", slow: false });
  assert.deepEqual(machine.status(3_100), { kind: "up", slow: true });
});

test("slow network mode goes on over a poll that breaks and is back at once", () => {
  run(machine.start(0));
  run(machine.closed(1, 10, { code: 1006 }));
  run(machine.hello(2, 30, {}));
  run(machine.closed(2, 10_000, { status: 0 }));
  assert.deepEqual(machine.status(10_010), { kind: "quiet", slow: true });
  runUntil(10_010, 12_000);
  run(machine.hello(opened("long_poll")[1], 12_000, {}));
  assert.deepEqual(machine.status(12_010), { kind: "up", slow: true });
});

test("the poll goes once the socket has every room, not before", () => {
  run(machine.start(0));
  run(machine.closed(1, 10, { code: 1006 }));
  run(machine.hello(2, 30, {}));
  run(machine.online(40));
  const socket = opened("websocket")[1];
  run(machine.hello(socket, 60, { instance: "one" }));
  assert.deepEqual(machine.usable, [socket, 2]);
  assert.deepEqual(closed(), []);
  run(machine.ready(socket, 80));
  assert.deepEqual(closed(), [2]);
  assert.ok(!machine.blocked);
});

test("what an earlier page found out about blocking is believed", () => {
  machine = new Reconnect({ random: () => 0.5, blocked: true });
  run(machine.start(0));
  assert.deepEqual(opened("websocket"), []);
  assert.equal(opened("long_poll").length, 1);
});

test("a socket that worked and drops comes back as a socket, and polls only after two refusals", () => {
  run(machine.start(0));
  up(1, 10);
  run(machine.closed(1, 20_000, { code: 1006 }));
  assert.deepEqual(opened("long_poll"), []);
  runUntil(20_000, 20_250);
  run(machine.closed(opened("websocket")[1], 20_260, { code: 1006 }));
  assert.deepEqual(opened("long_poll"), []);
  runUntil(20_260, 21_000);
  run(machine.closed(opened("websocket")[2], 21_000, { code: 1006 }));
  assert.equal(opened("long_poll").length, 1);
  assert.ok(!machine.blocked, "after a drop this is no sign of blocking");
});

test("three short lives bring the poll in", () => {
  run(machine.start(0));
  let now = 0;
  for (let life = 0; life < 3; life += 1) {
    const link = opened("websocket").at(-1);
    up(link, now + 10);
    run(machine.closed(link, now + 1_000, { code: 1006 }));
    if (life < 2) assert.equal(opened("long_poll").length, 0);
    runUntil(now + 1_000, now + 2_500);
    now += 2_500;
  }
  assert.equal(opened("long_poll").length, 1);
});

test("an outage is no sign of blocking: a poll without answer resets the count", () => {
  run(machine.start(0));
  run(machine.closed(1, 10, { code: 1006 }));
  run(machine.closed(2, 20, { status: 0 }));
  assert.ok(!machine.blocked);
  runUntil(20, 60_000);
  assert.ok(opened("websocket").length >= 2);
});

test("the pause grows with failures, and ten seconds of life reset it", () => {
  run(machine.start(0));
  up(1, 0);
  run(machine.closed(1, 5_000, { code: 1006 }));
  assert.equal(machine.nextTick(5_000), 5_250);
  run(machine.tick(5_250));
  up(2, 5_250);
  run(machine.closed(2, 5_300, { code: 1006 }));
  assert.equal(machine.nextTick(5_300), 5_800);
  run(machine.tick(5_800));
  up(3, 5_800);
  run(machine.closed(3, 16_000, { code: 1006 }));
  assert.equal(machine.nextTick(16_000), 16_250);
});

test("a restarting server's pause wins", () => {
  run(machine.start(0));
  up(1, 0);
  run(machine.closed(1, 50_000, { code: 1012, reason: '{"retry_ms":9000}' }));
  runUntil(50_000, 54_400);
  assert.equal(opened("websocket").length, 1);
  runUntil(54_400, 54_500);
  assert.equal(opened("websocket").length, 2);
});

test("a poll that is told to come back later does so", () => {
  machine = new Reconnect({ random: () => 0.5, blocked: true });
  run(machine.start(0));
  run(machine.closed(1, 10, { status: 429, retryMs: 7_000 }));
  runUntil(10, 6_900);
  assert.equal(opened("long_poll").length, 1);
  runUntil(6_900, 7_100);
  assert.equal(opened("long_poll").length, 2);
});

for (const [ending, why] of [
  [{ code: 4400 }, "protocol"],
  [{ code: 4401 }, "signed_out"],
  [{ code: 4402 }, "protocol"],
  [{ code: 4403 }, "forbidden"],
]) {
  test(`close code ${ending.code} ends reconnecting`, () => {
    run(machine.start(0));
    up(1, 0);
    run(machine.closed(1, 100, ending));
    assert.deepEqual(machine.status(100), { kind: "halted", why });
    assert.equal(machine.nextTick(200_000), null);
    runUntil(100, 200_000);
    assert.equal(opened("websocket").length, 1);
  });
}

test("other close codes reconnect", () => {
  for (const code of [1000, 1001, 1009, 1013, 4408, 4409, 4429]) {
    machine = new Reconnect({ random: () => 0.5 });
    steps = [];
    run(machine.start(0));
    up(1, 0);
    run(machine.closed(1, 100, { code }));
    runUntil(100, 30_000);
    assert.ok(opened("websocket").length >= 2, `code ${code}`);
  }
});

test("a poll answered with 401 asks to sign in", () => {
  run(machine.start(0));
  run(machine.closed(1, 10, { code: 1006 }));
  run(machine.closed(2, 20, { status: 401 }));
  assert.deepEqual(machine.status(20), { kind: "halted", why: "signed_out" });
});

test("45 seconds of silence mean the link is dead, and its late events are ignored", () => {
  run(machine.start(0));
  up(1, 0);
  run(machine.heard(1, 10_000));
  runUntil(10_000, 54_900);
  assert.deepEqual(closed(), []);
  runUntil(54_900, 55_000);
  assert.deepEqual(closed(), [1]);
  const before = steps.length;
  run(machine.closed(1, 60_000, { code: 4401 }));
  assert.equal(steps.length, before);
  assert.equal(machine.halted, null);
});

test("on waking, a link not heard lately is asked, and given up after three seconds without backoff", () => {
  run(machine.start(0));
  up(1, 0);
  run(machine.wake(4_000));
  assert.ok(!steps.some((step) => step.do === "ping"));
  run(machine.wake(9_000));
  assert.deepEqual(steps.at(-1), { do: "ping", link: 1 });
  runUntil(9_000, 12_000);
  assert.deepEqual(closed(), [1]);
  assert.equal(opened("websocket").length, 2);
});

test("on waking, an answer keeps the link", () => {
  run(machine.start(0));
  up(1, 0);
  run(machine.wake(9_000));
  run(machine.heard(1, 9_100));
  runUntil(9_100, 20_000);
  assert.deepEqual(closed(), []);
});

test("what the browser says about the network is checked, told after three seconds, and coming back tries at once", () => {
  run(machine.start(0));
  up(1, 0);
  run(machine.offline(1_000));
  assert.deepEqual(steps.at(-1), { do: "ping", link: 1 });
  assert.equal(machine.status(1_000).kind, "up");
  run(machine.closed(1, 1_100, { code: 1006 }));
  assert.equal(machine.status(4_000).kind, "quiet");
  assert.equal(machine.status(4_100).kind, "offline");
  const before = opened("websocket").length;
  run(machine.online(4_150));
  assert.equal(opened("websocket").length, before + 1);
});

test("the countdown names the next try, and trying now does not wait for it", () => {
  run(machine.start(0));
  up(1, 0);
  run(machine.closed(1, 100, { code: 1012, reason: '{"retry_ms":20000}' }));
  assert.deepEqual(machine.status(5_000), { kind: "waiting", at: 10_100 });
  run(machine.tryNow(5_000));
  assert.equal(opened("websocket").length, 2);
  assert.equal(machine.status(5_001).kind, "connecting");
});

test("a move keeps the first socket until the second has every room", () => {
  run(machine.start(0));
  up(1, 0, "one");
  run(machine.move(1, 100, 20_000));
  run(machine.hello(2, 150, { instance: "two" }));
  assert.deepEqual(closed(), []);
  assert.deepEqual(machine.usable, [1, 2]);
  run(machine.ready(2, 200));
  assert.deepEqual(closed(), [1]);
  assert.deepEqual(machine.usable, [2]);
  assert.equal(machine.status(200).kind, "up");
});

test("a move that lands on the same instance is tried again within the window", () => {
  run(machine.start(0));
  up(1, 0, "one");
  run(machine.move(1, 100, 20_000));
  run(machine.hello(2, 150, { instance: "one" }));
  assert.deepEqual(closed(), [2]);
  runUntil(150, 1_150);
  assert.deepEqual(opened("websocket"), [1, 2, 3]);
  assert.deepEqual(machine.usable, [1]);
});

test("after the window the first socket is simply kept until the server ends it", () => {
  run(machine.start(0));
  up(1, 0, "one");
  run(machine.move(1, 100, 1_000));
  run(machine.hello(2, 900, { instance: "one" }));
  runUntil(900, 30_000);
  assert.deepEqual(opened("websocket"), [1, 2]);
  assert.deepEqual(machine.usable, [1]);
});

test("when the first socket ends during a move, the second takes its place", () => {
  run(machine.start(0));
  up(1, 0, "one");
  run(machine.move(1, 100, 20_000));
  run(machine.hello(2, 150, { instance: "two" }));
  run(machine.closed(1, 160, { code: 1012, reason: '{"retry_ms":5000}' }));
  assert.deepEqual(machine.usable, [2]);
  run(machine.ready(2, 170));
  assert.deepEqual(opened("websocket"), [1, 2]);
});

test("stopping closes everything and asks for no more ticks", () => {
  run(machine.start(0));
  up(1, 0);
  run(machine.move(1, 10, 1_000));
  run(machine.stop(20));
  assert.deepEqual(closed(), [1, 2]);
  runUntil(20, 100_000);
  assert.deepEqual(opened("websocket"), [1, 2]);
});
