// Ten thousand messages in a room, and a thousand at once: how many nodes and how much memory the page needs, and whether
// what one reads stays in its place. How long it takes is measured by `make page-bench`.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { onlyOnce } from "./support/transport.mjs";
import { BURST, Crowd, MANY, NO_LIMITS, climbs, noteArrivals, opens, rendererMemory, takesBurst } from "./support/long_room.mjs";
import { startInstance } from "./support/programs.mjs";
import { scene, takeWholeBrowser } from "./support/scene.mjs";
import { until } from "./support/until.mjs";

// What is measured is what people have.
takeWholeBrowser();

/** @type {import("./support/programs.mjs").Server} */
let instance;
before(async () => void (instance = await startInstance({ env: NO_LIMITS })));
after(() => instance?.end());
const server = () => instance;

const MOST_NODES = 3_000;
const MOST_MB = 100;
const MOST_DRIFT_PX = 1;

test("a room of 10,000 messages stays light and steady up to its beginning", scene(server, async ({ person, wire, room }) => {
  const crowd = await Crowd.of(instance.url, "Crowd");
  const last = await crowd.says(room, MANY);
  const network = await wire();
  const ada = await person("Ada", { room: "lobby", wire: network, prepare: noteArrivals });
  const { tab, browser } = await sessions(ada.page);
  const opened = await opens(ada.page, room, last);
  const { drift, times, nodes } = await climbs(ada.page);
  const memory = await settles(tab, browser);
  assert.ok(times > MANY / 100, `older rows came ${times} times`);
  assert.ok(nodes <= MOST_NODES, `${nodes} nodes`);
  assert.ok(drift <= MOST_DRIFT_PX, `what one reads moved by ${drift} px`);
  assert.ok((await ada.texts()).includes("Line 1 says about as much as people say when they sit together and talk"));
  process.stdout.write(`# open ${opened.toFixed()} ms, ${times} times older rows, ${nodes} nodes, ${drift.toFixed(2)} px, ${memory.toFixed()} MB\n`);
}));

test("bursts of 1,000 messages are drawn at once, and the page lets go of what its reader has left behind", onlyOnce("its questions are counted on a WebSocket"), scene(server, async ({ person, wire, room }) => {
  const crowd = await Crowd.of(instance.url, "Many");
  const network = await wire();
  const ada = await person("Ada", { wire: network, prepare: noteArrivals });
  const { tab, browser } = await sessions(ada.page);
  const bursts = [];
  for (let round = 0; round < 3; round += 1) {
    const burst = await takesBurst(ada.page, tab, network, crowd, room);
    assert.equal((await ada.texts()).at(-1), burst.last);
    bursts.push(burst);
  }
  await settles(tab, browser);
  const { nodes } = await climbs(ada.page);
  assert.ok(nodes <= MOST_NODES, `${nodes} nodes`);
  const asked = await ada.page.evaluate(() => /** @type {any} */ (window).histories);
  assert.ok(asked >= (3 * BURST - 1_100) / 100, `asked ${asked} times for what it had seen come`);
  process.stdout.write(`# bursts of ${BURST}: ${bursts.map(({ ms, worked }) => `${ms.toFixed()} ms (${worked.toFixed()} at work)`).join(", ")}\n`);
}));

/** The memory of the page once it needs no more than it may. What is free does not go back to the machine at once.
 * @typedef {import("./support/long_room.mjs").Session} Session @param {Session} tab @param {Session} browser */
async function settles(tab, browser) {
  let memory = 0;
  const isFew = async () => (memory = await rendererMemory(tab, browser)) <= MOST_MB;
  await until(`at most ${MOST_MB} MB`, isFew).catch(() => assert.fail(`${memory} MB`));
  return memory;
}

/** What Chromium itself is asked by, for a page and for the whole of it. @param {import("playwright-core").Page} page */
async function sessions(page) {
  const context = page.context();
  const browser = /** @type {import("playwright-core").Browser} */ (context.browser());
  return { tab: await context.newCDPSession(page), browser: await browser.newBrowserCDPSession() };
}
