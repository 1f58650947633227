// Desktop notifications: once, only where nobody looks, and only for what the room may call for.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startCluster } from "./support/programs.mjs";
import { scene, takeWholeBrowser } from "./support/scene.mjs";
import { until } from "./support/until.mjs";
import { Voice } from "./support/voice.mjs";

takeWholeBrowser();

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

/** What the page wants to do in half a second, it does when that is said to be over, or much later. It has to stand
 * alone. */
function holdTime() {
  /** @type {Set<() => void>} */
  const held = new Set();
  const native = window.setTimeout.bind(window);
  /** @param {() => void} act @param {number} [ms] */
  const later = (act, ms) => {
    if (ms !== 500) return native(act, ms);
    const once = () => {
      if (held.delete(once)) act();
    };
    held.add(once);
    return native(once, 10_000);
  };
  const passTime = () => {
    for (const act of [...held]) act();
  };
  Object.assign(window, { setTimeout: later, passTime });
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

/** Makes a private room and lets somebody in. @param {Person} person @param {string} title @param {Person} guest */
async function makesRoom(person, title, guest) {
  await person.page.locator("#create-open").click();
  await person.page.locator("#create-title").fill(title);
  await person.page.locator("#create-people").fill(guest.name);
  await person.page.locator("#create-button").click();
  await person.sees("#room-title", title);
  await person.isIn();
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
  await ben.says("**Hello?**");
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
  // The word of the one that reads has all the time it needs.
  await ada.page.context().addInitScript(holdTime);
  const tab = await secondTab(ada);
  await tab.turns(true);
  await ben.says("Seen in the other tab");
  await tab.hears("Seen in the other tab");
  await tab.seesNo(".badge");
  await tab.page.evaluate(() => /** @type {any} */ (window).passTime());
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
  // What of them is still to come would count as new, too.
  await ada.hears("Line 29");
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

test("an invitation is told once over all tabs, and a click opens its room", scene(server, async ({ person, secondTab }) => {
  const ada = await person("Ada", { prepare: watchDesktop });
  const ben = await person("Ben", { elsewhere: ada });
  await chooses(ada, "mentions");
  const tab = await secondTab(ada);
  for (const each of [ada, tab]) await each.turns(true);
  await makesRoom(ben, "Plans", ada);
  await until("a notification", async () => (await bodies(ada, tab)).length > 0);
  await tab.sees("#private-rooms .badge", "@ 1");
  await ada.sees("#private-rooms .badge", "@ 1");
  await ben.says("What do you think?");
  await until("what is said there", async () => (await bodies(ada, tab)).includes("What do you think?"));
  assert.deepEqual((await bodies(ada, tab)).sort(), [`${ben.name} invited you to Plans.`, "What do you think?"].sort());
  const teller = (await told(ada)).some(({ body }) => body.includes("invited")) ? ada : tab;
  const [first] = await told(teller);
  assert.equal(first?.title, `${ben.name} · Plans`);
  await teller.turns(false);
  await teller.page.evaluate(() => /** @type {any} */ (window).told[0].onclick());
  await teller.sees("#room-title", "Plans");
}));

test("the first words of somebody who writes to one alone are told, and nothing by whom one mutes", scene(server, async ({ person }) => {
  const ada = await person("Ada", { prepare: watchDesktop });
  const ben = await person("Ben", { elsewhere: ada });
  const pest = await person("Pest");
  await chooses(ada, "mentions");
  await ada.page.locator("#member-list .name", { hasText: pest.name }).click();
  await ada.page.getByRole("button", { name: "Mute" }).click();
  await ada.page.keyboard.press("Escape");
  await ada.turns(true);
  await makesRoom(pest, "Cheap", ada);
  await ada.sees("#private-rooms .name", "Cheap");
  await ben.page.locator("#member-list .name", { hasText: ada.name }).click();
  await ben.page.locator("dialog .direct").click();
  await ben.sees("#room-title", ada.name);
  await ben.says("Between us");
  await ben.hears("Between us");
  await until("a notification", async () => (await bodies(ada)).length > 0);
  await ben.says("And this");
  await until("the next one", async () => (await bodies(ada)).includes("And this"));
  assert.deepEqual(await bodies(ada), ["Between us", "And this"]);
}));

test("what comes while the browser fetches what makes notifications is told all the same", scene(server, async ({ person, room }) => {
  const ada = await person("Ada", { prepare: watchDesktop });
  const ben = await Voice.of(cluster.url, `Ben in ${room}`);
  /** @type {() => void} */
  let arrives = () => {};
  const arrived = new Promise((resolve) => void (arrives = () => resolve(null)));
  await ada.page.context().route("**/js/notifications.js", async (route) => {
    await arrived;
    await route.continue();
  });
  await chooses(ada, "all");
  await ada.turns(true);
  await ben.says(room, "Early");
  await ada.hears("Early");
  arrives();
  await until("a notification", async () => (await bodies(ada)).length > 0);
  await ben.says(room, "Later");
  await until("another one", async () => (await bodies(ada)).length > 1);
  assert.deepEqual(await bodies(ada), ["Early", "Later"]);
}));
