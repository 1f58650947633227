// What one chooses for oneself: the quick switcher and keys, a room's link, whom one does not read, the language.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startCluster } from "./support/programs.mjs";
import { scene } from "./support/scene.mjs";
import { until } from "./support/until.mjs";

/** @typedef {import("./support/person.mjs").Person} Person */

/** @type {import("./support/programs.mjs").Server} */
let cluster;
before(async () => void (cluster = await startCluster()));
after(() => cluster?.end());
const server = () => cluster;

/** @param {Person} person @param {string} room */
const isAt = (person, room) => person.sees("#room-title", new RegExp(`^${room}$`));

test("a few letters and Enter lead to a room, and to a new one", scene(server, async ({ person, room }) => {
  const ada = await person("Ada");
  const { keyboard } = ada.page;
  await ada.joins(`${room}-garden`);
  await ada.joins(`${room}-books`);
  await keyboard.press("Control+k");
  await ada.page.locator("dialog input").fill("gard");
  await ada.sees("dialog [aria-selected=true]", `${room}-garden`);
  await keyboard.press("Enter");
  await isAt(ada, `${room}-garden`);
  await ada.seesNo("dialog");
  await keyboard.press("Control+k");
  await ada.page.locator("dialog input").fill(`${room} new`);
  await keyboard.press("ArrowUp");
  await ada.sees("dialog [aria-selected=true]", `Join or create ${room}-new`);
  await keyboard.press("Enter");
  await isAt(ada, `${room}-new`);
  await keyboard.press("Control+k");
  await ada.page.locator("dialog input").waitFor();
  await keyboard.press("Escape");
  // It goes a moment after it is closed, and the cursor comes back with that.
  await ada.page.locator("dialog").waitFor({ state: "detached" });
  await keyboard.type("The cursor is back");
  assert.equal(await ada.page.locator("#composer-text").inputValue(), "The cursor is back");
}));

test("keys lead to the next room and to the next unread one", scene(server, async ({ person, room }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  const { keyboard } = ada.page;
  await ada.joins(`${room}-b`);
  await ada.joins(`${room}-c`);
  await keyboard.press("Alt+ArrowDown");
  await isAt(ada, room);
  await keyboard.press("Alt+ArrowUp");
  await isAt(ada, `${room}-c`);
  await ben.joins(`${room}-b`);
  await ben.says("News");
  await ada.sees(`#joined-rooms [data-room="${room}-b"] .badge`, "1");
  await keyboard.press("Alt+Shift+ArrowDown");
  await isAt(ada, `${room}-b`);
  await ada.hears("News");
  await keyboard.press("Alt+Shift+ArrowDown");
  await isAt(ada, `${room}-b`);
  await ada.page.locator("#scroller").focus();
  await keyboard.press("?");
  await ada.sees("dialog kbd", "K");
  await keyboard.press("Escape");
  await ada.page.locator("dialog").waitFor({ state: "detached" });
  await ada.page.evaluate(() => /** @type {HTMLElement} */ (document.activeElement).blur());
  await keyboard.type("Typed nowhere");
  assert.equal(await ada.page.locator("#composer-text").inputValue(), "Typed nowhere");
}));

test("a room's link is copied, and leads somebody else there", scene(server, async ({ person, room }) => {
  const ada = await person("Ada");
  await ada.page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await ada.page.locator("#room-options").click();
  await ada.page.getByRole("button", { name: "Copy link" }).click();
  await ada.sees("dialog .told", "Copied");
  const link = await ada.page.evaluate(() => navigator.clipboard.readText());
  assert.equal(link, `${ada.url}/r/${room}`);
  await ada.page.keyboard.press("Escape");
  const ben = await person("Ben", { room: "lobby", elsewhere: ada });
  await ben.page.goto(link);
  await ben.isIn();
  await isAt(ben, room);
}));

test("whom one mutes is folded away, in every tab and under a new session, and can be read again", scene(server, async ({ person, secondTab }) => {
  const ada = await person("Ada");
  const pest = await person("Pest", { elsewhere: ada });
  const ben = await person("Ben");
  await pest.says("Buy now");
  await pest.says("Buy cheap");
  await ben.hears("Buy cheap");
  await ben.says("Sigh");
  await ada.hears("Buy cheap", "Sigh");
  await ada.page.locator("#messages .author", { hasText: pest.name }).first().click();
  await ada.page.getByRole("button", { name: "Mute" }).click();
  await ada.page.keyboard.press("Escape");
  await ada.sees(".remark-text", "2 messages of people you muted");
  assert.deepEqual(await ada.texts(), ["Sigh"]);
  const tab = await secondTab(ada);
  await tab.sees(".remark-text", "2 messages of people you muted");
  await ada.turns(true);
  await pest.says(`@${ada.name} buy`);
  await ada.sees(".remark-text", "1 message of somebody you muted");
  await ada.seesNo(".badge");
  await ada.turns(false);
  // What is still on its way is asked about on signing out.
  await pest.hears(`@${ada.name} buy`);
  await pest.page.locator("#sign-out").click();
  await pest.page.locator("#sign-in-form-button").waitFor();
  await pest.enters((await ada.page.locator("#room-title").textContent()) ?? "");
  await pest.says("Me again");
  await ada.sees(".remark-text", "2 messages of people you muted");
  await ada.page.locator(".show-folded").first().click();
  await ada.hears("Buy now");
  await ada.page.locator("#settings-open").click();
  await ada.page.getByRole("button", { name: "Unmute" }).click();
  await ada.page.keyboard.press("Escape");
  await ada.hears("Me again");
  await tab.hears("Me again");
}));

test("the page speaks the browser's language, or the one chosen, and loses nothing in between", scene(server, async ({ person, room }) => {
  const ada = await person("Ada", { language: "de-AT" });
  await ada.sees("#sign-out", "Abmelden");
  await ada.sees("#members h2", "Gerade hier");
  assert.equal(await ada.page.evaluate(() => document.documentElement.lang), "de");
  await ada.page.keyboard.press("Control+/");
  await ada.sees("dialog h2", "Tastenkürzel");
  await ada.sees("dialog kbd", "Strg");
  await ada.page.keyboard.press("Escape");
  await ada.seesNo("dialog");
  await ada.page.locator("#create-open").click();
  await ada.page.locator("#create-title").fill("Fest");
  await ada.page.locator("#create-people").fill(`${ada.name}, Niemand Da`);
  await ada.page.locator("#create-button").click();
  await ada.sees("#create-problem", "Niemand heißt Niemand Da.");
  await ada.page.locator("#create-people").press("Escape");
  await ada.page.locator("#composer-text").focus();
  await ada.types("Halb fertig");
  await ada.page.locator("#settings-open").click();
  await ada.page.locator("select.language").selectOption("en");
  await ada.sees("#sign-out", "Sign out");
  await ada.isIn();
  await isAt(ada, room);
  assert.equal(await ada.page.locator("#composer-text").inputValue(), "Halb fertig");
  assert.equal(await ada.page.evaluate(() => document.documentElement.lang), "en");
  await ada.page.reload();
  await ada.sees("#sign-out", "Sign out");
  await until("English again", async () => (await ada.page.evaluate(() => document.documentElement.lang)) === "en");
}));
