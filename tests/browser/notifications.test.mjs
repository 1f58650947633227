// Desktop notifications: once, only where nobody looks, and only for what the room may call for.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startCluster } from "./support/programs.mjs";
import { scene } from "./support/scene.mjs";
import { until } from "./support/until.mjs";
import { Voice } from "./support/voice.mjs";

/** @typedef {import("./support/person.mjs").Person} Person */

/** @type {import("./support/programs.mjs").Server} */
let cluster;
before(async () => void (cluster = await startCluster({ env: { HUBBUB__LIMITS__SENDS: "1000" } })));
after(() => cluster?.end());
const server = () => cluster;

/** Stands in for the desktop, which a browser without a screen has not. It has to stand alone. */
function watchDesktop() {
  /** @type {any[]} */
  const told = [];
  class Told {
    static permission = localStorage.getItem("test:permission") ?? "default";
    static requestPermission() {
      localStorage.setItem("test:permission", "granted");
      Told.permission = "granted";
      return Promise.resolve("granted");
    }
    /** @param {string} title @param {{ body: string, tag: string, renotify: boolean }} options */
    constructor(title, { body, tag, renotify }) {
      Object.assign(this, { title, body, tag, renotify, closed: false });
      told.push(this);
    }
    close() {
      Object.assign(this, { closed: true });
    }
  }
  Object.assign(window, { Notification: Told, told });
}

/** @param {Person} person @returns {Promise<{ title: string, body: string, tag: string, renotify: boolean, closed: boolean }[]>} */
const told = ({ page }) => page.evaluate(() => /** @type {any} */ (window).told.map((/** @type {any} */ each) => ({ ...each })));
const bodies = async (/** @type {Person[]} */ ...tabs) => (await Promise.all(tabs.map(told))).flat().map(({ body }) => body);

/** @param {Person} person @param {string} level */
async function chooses({ page }, level) {
  await page.locator("#room-options").click();
  await page.locator(`dialog input[value="${level}"]`).check();
  const ask = page.getByRole("button", { name: "Turn on notifications" });
  if (await ask.count()) await ask.click();
  await page.getByText("Notifications are on.").waitFor();
  await page.keyboard.press("Escape");
}

test("a message is told once over all tabs, and a click opens its room", scene(server, async ({ person, secondTab, room }) => {
  const ada = await person("Ada", { prepare: watchDesktop });
  const ben = await person("Ben", { elsewhere: ada });
  await chooses(ada, "all");
  const tab = await secondTab(ada);
  await ada.joins(`${room}-b`);
  for (const each of [ada, tab]) await each.turns(true);
  await ben.says("Anybody there?");
  await until("a notification", async () => (await bodies(ada, tab)).length > 0);
  await ben.says("Hello?");
  await until("the next", async () => (await bodies(ada, tab)).includes("Hello?"));
  assert.deepEqual((await bodies(ada, tab)).sort(), ["Anybody there?", "Hello?"]);
  const teller = (await told(ada)).length > 0 ? ada : tab;
  const [first] = await told(teller);
  assert.ok(first?.title.includes(ben.name) && first.tag.endsWith(room) && first.renotify, JSON.stringify(first));
  await teller.turns(false);
  await teller.page.evaluate(() => /** @type {any} */ (window).told.at(-1).onclick());
  await teller.sees("#room-title", new RegExp(`^${room}$`));
  await until("its notification to be gone", async () => (await told(teller)).at(-1)?.closed === true);
}));

test("nobody is called for what they read in any tab", scene(server, async ({ person, secondTab }) => {
  const ada = await person("Ada", { prepare: watchDesktop });
  const ben = await person("Ben", { elsewhere: ada });
  await chooses(ada, "all");
  const tab = await secondTab(ada);
  await tab.turns(true);
  await ben.says("Seen in the other tab");
  await tab.hears("Seen in the other tab");
  await tab.seesNo(".badge");
  await ada.turns(true);
  await ben.says("Seen nowhere");
  await until("a notification", async () => (await bodies(ada, tab)).length > 0);
  assert.deepEqual(await bodies(ada, tab), ["Seen nowhere"]);
}));

test("nobody is called for the room before them, wherever in it they read", scene(server, async ({ person, room }) => {
  const ada = await person("Ada", { prepare: watchDesktop });
  const ben = await Voice.of(cluster.url, `Ben in ${room}`);
  await ben.says(room, ...Array.from({ length: 30 }, (_, index) => `Line ${index}`));
  await ada.joins(`${room}-b`);
  await ada.page.locator(`#joined-rooms [data-room="${room}"] a`).click();
  await chooses(ada, "all");
  await ada.page.locator("#scroller").evaluate((node) => node.scrollTo(0, 0));
  await ada.sees("#jump", "Jump to latest");
  await ben.says(room, "Further down");
  await ada.sees("#jump", "1 new message");
  await ben.says(`${room}-b`, `Elsewhere, @${ada.name}`);
  await until("a notification", async () => (await bodies(ada)).length > 0);
  assert.deepEqual(await bodies(ada), [`Elsewhere, @${ada.name}`]);
}));

test("a room calls for mentions only, or not at all, as one chose", scene(server, async ({ person }) => {
  const ada = await person("Ada", { prepare: watchDesktop });
  const ben = await person("Ben", { elsewhere: ada });
  await chooses(ada, "mentions");
  await ada.turns(true);
  await ben.says("Just talking");
  await ben.says(`Hey @${ada.name}`);
  await until("a notification", async () => (await bodies(ada)).length > 0);
  assert.deepEqual(await bodies(ada), [`Hey @${ada.name}`]);
  await until("the count in the title", async () => (await ada.page.title()).startsWith("(2) "));
  await ada.turns(false);
  await chooses(ada, "none");
  await ada.turns(true);
  await ben.says(`Again @${ada.name}`);
  await ada.sees(".badge", "@ 1");
  assert.ok(!(await ada.page.title()).startsWith("("), "a quiet room does not count");
  await ada.turns(false);
  await chooses(ada, "all");
  await ada.turns(true);
  await ben.says("Now again");
  await until("a notification", async () => (await bodies(ada)).includes("Now again"));
  assert.deepEqual(await bodies(ada), [`Hey @${ada.name}`, "Now again"]);
}));
