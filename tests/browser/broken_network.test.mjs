// What people write reaches the others once, whatever the network between does.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startCluster } from "./support/programs.mjs";
import { scene } from "./support/scene.mjs";
import { onlyOnce } from "./support/transport.mjs";
import { until } from "./support/until.mjs";

/** @type {import("./support/programs.mjs").Server} */
let cluster;
before(async () => void (cluster = await startCluster()));
after(() => cluster?.end());
const server = () => cluster;

test("what is written offline survives a reload and is sent once", scene(server, async ({ person, wire, room }) => {
  const network = await wire();
  const ada = await person("Ada", { wire: network });
  const ben = await person("Ben", { elsewhere: ada });
  await ada.says("Still online");
  await ben.hears("Still online");
  network.cut();
  await ada.says("Written in a tunnel");
  await ada.sees(".pending .text", "Written in a tunnel");
  // It opens from the service worker, if that had the time to get ready, and else not at all.
  await ada.page.reload().catch(() => null);
  network.mend();
  // The browser's own page about the failure may still be on its way and get between.
  await until("the page to load", () => ada.page.goto(`${ada.url}/r/${room}`).catch(() => null));
  await ada.hears("Written in a tunnel");
  await ben.says("Welcome back");
  await ada.hears("Welcome back");
  for (const each of [ada, ben]) {
    await each.hasHeardExactly(["Still online", "Written in a tunnel", "Welcome back"]);
  }
}));

test("a message whose answer is lost is not there twice after a reload", scene(server, async ({ person, wire }) => {
  const network = await wire();
  const ada = await person("Ada", { wire: network });
  const ben = await person("Ben", { elsewhere: ada });
  // A request that is never answered would hold up the ones after it: over long-poll, they go one by one.
  const underWay = requestsOf(ada);
  await ada.isSeenTyping("Did that get out?", ben);
  // What waited for an answer goes out with it.
  await until("everything before to be answered", async () => {
    if (underWay.size === 0) await ada.isDrawn();
    return underWay.size === 0;
  });
  network.deafen();
  await ada.page.keyboard.press("Enter");
  await ben.hears("Did that get out?");
  await ada.sees(".pending .text", "Did that get out?");
  network.cut();
  network.mend();
  await ada.page.reload();
  await ada.hears("Did that get out?");
  await ada.says("It did");
  await ben.hears("It did");
  for (const each of [ada, ben]) await each.hasHeardExactly(["Did that get out?", "It did"]);
}));

test("a longer outage is told with a way to try at once, and misses nothing", scene(server, async ({ person, wire }) => {
  const network = await wire();
  const ada = await person("Ada", { wire: network });
  const ben = await person("Ben", { elsewhere: ada });
  network.cut();
  await ben.says("You are missing this");
  await ada.sees("#status", "Not connected. What you write is kept.");
  // The button goes by itself when an attempt of the page's own comes first.
  await ada.returns(network, () => ada.page.locator("#try-now").click({ timeout: 1_000 }).catch(() => {}));
  await ada.hears("You are missing this");
  await ada.seesNo("#status", "Not connected");
}));

test("where WebSocket is blocked the conversation goes on over long-poll, and back when it is not", onlyOnce("it begins on one transport and ends on the other"), scene(server, async ({ person, wire }) => {
  const network = await wire();
  network.blocksWebSocket = true;
  const ada = await person("Ada", { wire: network });
  await ada.isGreetedBy("long-poll");
  const ben = await person("Ben", { elsewhere: ada });
  await ada.seesPeople(2);
  await ada.says("By the slow road");
  await ben.hears("By the slow road");
  await ben.isSeenTyping("An ans", ada);
  await ben.says("An answer");
  await ada.hears("An answer");
  await ada.sees("#status", "slow network mode");
  assert.ok(!ada.greetings.includes("websocket"));
  network.blocksWebSocket = false;
  // The browser reports another network, as after leaving the office.
  await ada.page.context().setOffline(true);
  await ada.sees("#status", "You are offline");
  await ada.page.context().setOffline(false);
  await ada.isGreetedBy("websocket");
  await ada.seesNo("#status", /./);
  await ada.says("By the fast road");
  for (const each of [ada, ben]) {
    await each.hasHeardExactly(["By the slow road", "An answer", "By the fast road"]);
  }
}));

/** What somebody's page has said by POST and has no answer to yet, from now on. @param {import("./support/person.mjs").Person} person */
function requestsOf({ page }) {
  /** @type {Set<import("playwright-core").Request>} */
  const open = new Set();
  page.on("request", (request) => {
    if (request.url().endsWith("/api/v1/frames")) open.add(request);
  });
  for (const end of /** @type {const} */ (["requestfinished", "requestfailed"])) {
    page.on(/** @type {"requestfinished"} */ (end), (request) => void open.delete(request));
  }
  return open;
}
