// An instance goes, in good order or not, and the people on it notice nothing.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startCluster } from "./support/programs.mjs";
import { scene } from "./support/scene.mjs";
import { POLLS } from "./support/transport.mjs";
import { until } from "./support/until.mjs";

/** @typedef {import("./support/person.mjs").Person} Person */

// Each test costs the cluster one instance. Who has moved ends the window; it is long for those on a slow machine.
/** @type {import("./support/programs.mjs").Server} */
let cluster;
before(async () => void (cluster = await startCluster({ instances: 3, env: { HUBBUB__TIMING__DRAIN_WINDOW: "10s" } })));
after(() => cluster?.end());
const server = () => cluster;

test("an instance that is shut down hands its people over without a word", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  const gone = ada.instance;
  for (const each of [ada, ben]) await beginsToWatch(each);
  signal(gone, "SIGTERM");
  const said = await talkUntil(ben, (line) => hasMoved(ada, gone, line));
  await ada.says("Was there anything?");
  await ben.hears("Was there anything?");
  for (const each of [ada, ben]) {
    await each.hasHeardExactly([...said, "Was there anything?"]);
    const { statuses, notices, counts } = await each.sightings();
    assert.deepEqual({ statuses, notices, counts }, { statuses: [], notices: [], counts: [] }, each.name);
  }
}));

test("an instance that is killed costs no message and shows no notice", scene(server, async ({ person }) => {
  const ada = await person("Ada", { prepare: noteOutages });
  const ben = await person("Ben", { elsewhere: ada, prepare: noteOutages });
  const gone = ada.instance;
  for (const each of [ada, ben]) await beginsToWatch(each);
  await ada.says("Just before");
  signal(gone, "SIGKILL");
  await ada.says("Just after");
  await talkUntil(ben, (line) => hasMoved(ada, gone, line));
  await ada.says("Here again");
  await ben.hears("Here again");
  await ada.hears("Here again");
  const heard = await ben.texts();
  assert.deepEqual(heard.filter((text) => !/^Line/.test(text)), ["Just before", "Just after", "Here again"]);
  await ada.hasHeardExactly(heard);
  assert.deepEqual(heard, [...new Set(heard)]);
  for (const each of [ada, ben]) {
    const { statuses, notices, counts } = await each.sightings();
    const words = (await isKeptWaiting(each)) ? [] : statuses;
    assert.deepEqual({ statuses: words, notices, counts }, { statuses: [], notices: [], counts: [] }, each.name);
  }
}));

/** Runs in the page before its own scripts: notes when a link is lost, how long the page takes to try again, how many
 * tries fail, and when one is answered. It has to stand alone. */
function noteOutages() {
  /** @type {{ at: number, from: number, waited: number, failed: number, back: number }[]} */
  const outages = [];
  // Nobody tries anything while the machine lets the page do nothing.
  let [seen, stalled] = [performance.now(), 0];
  const stall = () => Math.max(0, performance.now() - seen - 200);
  const own = () => performance.now() - stalled - stall();
  setInterval(() => {
    stalled += stall();
    seen = performance.now();
  }, 50);
  const [Native, ask] = [WebSocket, window.fetch.bind(window)];
  const open = () => outages.find(({ back }) => back === Infinity);
  const tries = () => {
    const now = open();
    if (now?.waited === Infinity) now.waited = own() - now.from;
  };
  const isBack = () => void Object.assign(open() ?? {}, { back: performance.now() });
  const fails = () => {
    const now = open();
    if (now) now.failed += 1;
    else outages.push({ at: performance.now(), from: own(), waited: Infinity, failed: 0, back: Infinity });
  };
  const notedSocket = class extends Native {
    /** @param {string | URL} url */
    constructor(url) {
      super(url);
      let isGreeted = false;
      tries();
      this.addEventListener("message", () => {
        if (!isGreeted) isBack();
        isGreeted = true;
      });
      this.addEventListener("close", () => {
        if (isGreeted || open()) fails();
      });
    }
  };
  const notedFetch = async (/** @type {RequestInfo | URL} */ path, /** @type {RequestInit} */ options = {}) => {
    const isPoll = path === "/api/v1/poll";
    if (isPoll) tries();
    const answer = ask(path, options);
    // What the page itself gives up is no failure.
    const end = () => void (isPoll && !options.signal?.aborted && fails());
    answer.then(({ ok }) => (ok ? isPoll && isBack() : end()), end);
    return answer;
  };
  Object.assign(window, { WebSocket: notedSocket, fetch: notedFetch, outages });
}

/** Their page tried again soon and no try failed, and yet the answer took longer than a page is silent about it: it is
 * the machine that is slow. @param {Person} person */
async function isKeptWaiting({ page }) {
  /** @type {{ at: number, waited: number, failed: number, back: number }[]} */
  const outages = await page.evaluate(() => /** @type {any} */ (window).outages);
  return outages.some(({ at, waited, failed, back }) => waited < 2_000 && failed === 0 && back - at > 2_900);
}

/** From here on, everything that shows counts. @param {Person} person */
async function beginsToWatch(person) {
  await person.seesPeople(2);
  if (POLLS) await person.sees("#status", "slow network mode");
  await person.looksAway();
}

/** The instance is gone, and somebody who was on it hears what is said. One who polls is the same to every instance, and
 * greeted by none of them anew. @param {Person} person @param {string} gone @param {string} line */
async function hasMoved(person, gone, line) {
  return !isRunning(gone) && (POLLS ? (await person.texts()).includes(line) : person.instance !== gone);
}

/**
 * Says numbered lines, each once the one before was heard, until something has happened. Returns what was said.
 * @param {Person} speaker @param {(line: string) => Promise<boolean>} happened
 */
async function talkUntil(speaker, happened) {
  /** @type {string[]} */
  const said = [];
  await until("the change while talking", async () => {
    const line = `Line ${said.length + 1}`;
    said.push(line);
    await speaker.says(line);
    await speaker.hears(line);
    // Stays below what one person may send in ten seconds.
    await speaker.page.waitForFunction((at) => performance.now() > at, (await speaker.page.evaluate(() => performance.now())) + 600);
    return happened(line);
  });
  return said;
}

/** @param {string} name @param {"SIGTERM" | "SIGKILL"} how */
function signal(name, how) {
  process.kill(processOf(name), how);
}

/** @param {string} name */
function processOf(name) {
  const instance = cluster.instances.find((each) => each.name === name);
  assert.ok(instance, `no instance is called ${name}`);
  return instance.pid;
}

/** @param {string} name */
function isRunning(name) {
  try {
    process.kill(processOf(name), 0);
    return true;
  } catch {
    return false;
  }
}
