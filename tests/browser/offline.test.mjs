// The page opens without a network, from the files of its own build alone.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startCluster } from "./support/programs.mjs";
import { scene, takeWholeBrowser } from "./support/scene.mjs";
import { onlyOnce } from "./support/transport.mjs";
import { until } from "./support/until.mjs";

takeWholeBrowser();

/** @typedef {import("./support/person.mjs").Person} Person */

/** @type {import("./support/programs.mjs").Server} */
let cluster;
before(async () => void (cluster = await startCluster()));
after(() => cluster?.end());
const server = () => cluster;

/** @param {Person} person */
const isReady = ({ page }) =>
  until("the service worker", () => page.evaluate(() => navigator.serviceWorker.controller?.state === "activated"));

test("without a network the page opens with what is unsent and half written, and sends it later", scene(server, async ({ person, wire, room }) => {
  const network = await wire();
  const ada = await person("Ada", { wire: network });
  const ben = await person("Ben", { elsewhere: ada });
  await isReady(ada);
  await ada.says("Still online");
  await ben.hears("Still online");
  network.cut();
  await ada.says("Written before the reload");
  await ada.sees(".pending .text", "Written before the reload");
  await ada.types("Half written");
  await ada.page.reload();
  await ada.sees("#me-name", ada.name);
  await ada.sees("#room-title", room);
  await ada.sees(".pending .text", "Written before the reload");
  assert.equal(await ada.page.locator("#composer-text").inputValue(), "Half written");
  // What is only fetched when somebody asks for it is there as well.
  await ada.page.locator("#settings-open").click();
  await ada.sees("dialog h2", "Settings");
  await ada.page.keyboard.press("Escape");
  await ada.returns(network);
  await ben.hears("Written before the reload");
  await ada.hears("Written before the reload");
  for (const each of [ada, ben]) await each.hasHeardExactly(["Still online", "Written before the reload"]);
}));

test("without a network it says so from the beginning", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  await isReady(ada);
  await ada.page.context().setOffline(true);
  await ada.page.reload();
  await ada.sees("#status", "You are offline. What you write is sent when you are back.");
  await ada.page.context().setOffline(false);
  await ada.seesNo("#status", "offline");
  await ada.isIn();
}));

test("the worker keeps its build's page and files, and nothing that is said", onlyOnce("the worker sees no transport"), scene(server, async ({ person }) => {
  const ada = await person("Ada");
  await isReady(ada);
  await ada.says("Not for the cache");
  await ada.hears("Not for the cache");
  await ada.page.reload();
  await ada.hears("Not for the cache");
  const kept = await ada.page.evaluate(async () => {
    const names = await caches.keys();
    const requests = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
    const build = document.querySelector('meta[name="build"]')?.getAttribute("content");
    return { names, build, paths: requests.flat().map(({ url }) => new URL(url).pathname) };
  });
  assert.deepEqual(kept.names, [`hubbub${kept.build}`]);
  assert.ok(kept.paths.length > 10 && kept.paths.every((path) => path === "/" || path.startsWith(`${kept.build}/`)), kept.paths.join("\n"));
  const other = await ada.page.evaluate(async () => (await fetch("/a/000000000000/js/main.js")).status);
  assert.equal(other, 404, "another build's files are not ours to give");
}));

test("the server's page wins over the kept one, so that a new version is there at once", onlyOnce("nothing is said in it"), scene(server, async ({ person }) => {
  const ada = await person("Ada");
  await isReady(ada);
  /** @type {string[]} */
  const answers = [];
  ada.page.on("response", (response) => {
    if (new URL(response.url()).pathname.startsWith("/r/")) answers.push(`${response.status()} ${response.headers()["cache-control"]}`);
  });
  // A server that is slow to answer counts as away.
  await until("the page over the network", async () => {
    answers.length = 0;
    await ada.page.reload();
    await ada.isIn();
    assert.deepEqual(answers.slice(0, 1), ["200 no-cache"]);
    return ada.page.evaluate(() => {
      const [load] = /** @type {PerformanceNavigationTiming[]} */ (performance.getEntriesByType("navigation"));
      return (load?.transferSize ?? 0) > 0;
    });
  });
}));
