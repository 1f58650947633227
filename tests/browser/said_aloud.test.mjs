// What a screen reader and a keyboard meet beside axe's rules: words for marks, a focus that is never lost, and one thing
// at a time that Escape closes.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startInstance } from "./support/programs.mjs";
import { scene } from "./support/scene.mjs";
import { until } from "./support/until.mjs";
import { Voice } from "./support/voice.mjs";

/** @typedef {import("./support/person.mjs").Person} Person */

/** @type {import("./support/programs.mjs").Server} */
let instance;
// Whoever visits is there until the end, however long that takes.
const env = { HUBBUB__LIMITS__SENDS: "1000", HUBBUB__TIMING__POLL_DEADLINE: "10m" };
before(async () => void (instance = await startInstance({ env })));
after(() => instance?.end());
const server = () => instance;

/** @param {Person} person @param {string} id */
const hasFocus = ({ page }, id) => until(`the focus on ${id}`, () => page.evaluate((wanted) => document.activeElement?.id === wanted, id));

test("a room says in words what is new in it, and its name when one comes to it by key", scene(server, async ({ person, room }) => {
  const ada = await person("Ada");
  const ben = await Voice.of(instance.url, `Ben in ${room}`);
  const { page } = ada;
  await ada.joins(`${room}-b`);
  await ben.visits(room);
  await ben.says(room, "One", `For @${ada.name}`);
  await ada.sees(".badge", "@ 2");
  const link = page.locator(`#joined-rooms [data-room="${room}"] a`);
  await until("words for it", async () => (await link.ariaSnapshot()).includes(`"${room} 2 new, and you are mentioned, 2 here"`));
  await page.locator("#composer-text").focus();
  await page.keyboard.press("Alt+ArrowDown");
  await page.waitForURL(`**/r/${room}`);
  await page.locator("#room-told").filter({ hasText: new RegExp(`^${room}$`) }).waitFor({ state: "attached" });
  await page.getByRole("textbox", { name: `Message ${room}`, exact: true }).waitFor();
  await until("no more words", async () => (await link.ariaSnapshot()).includes(`"${room} 2 here"`));
  // Who comes by another way hears it from where the focus goes.
  await page.locator(`#joined-rooms [data-room="${room}-b"] a`).click();
  await page.getByRole("textbox", { name: `Message ${room}-b`, exact: true }).waitFor();
  assert.equal(await page.locator("#room-told").textContent(), "");
}));

test("a button that goes leaves the focus in the conversation", scene(server, async ({ person, wire, room }) => {
  const network = await wire();
  const ada = await person("Ada", { wire: network });
  const ben = await Voice.of(instance.url, `Ben in ${room}`);
  await ben.says(room, ...Array.from({ length: 40 }, (_, index) => `Line ${index}`));
  await ada.hears("Line 39");
  await ada.page.locator("#scroller").evaluate((node) => node.scrollTo(0, 0));
  await ada.sees("#jump", "Jump to latest");
  await ada.page.locator("#jump").focus();
  await ada.page.keyboard.press("Enter");
  await ada.seesNo("#jump");
  await hasFocus(ada, "scroller");
  network.cut();
  // While the page tries by itself there is no button, and the focus stays or goes on to the conversation.
  await ada.page.locator("#composer-text").focus();
  await until("the button to have the focus", async () => {
    await ada.page.locator("#try-now").focus();
    return ada.page.evaluate(() => document.activeElement?.id === "try-now");
  });
  await ada.page.keyboard.press("Enter");
  await hasFocus(ada, "scroller");
}));

test("Escape closes a dialog and nothing behind it", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  const ben = await person("Ben");
  await ada.page.setViewportSize({ width: 900, height: 800 });
  await ada.seesNo("#members:not([hidden])");
  await ada.page.locator("#members-toggle").click();
  await ada.page.locator("#member-list .name", { hasText: ben.name }).click();
  await ada.page.locator("dialog").waitFor();
  await ada.page.keyboard.press("Escape");
  await ada.seesNo("dialog");
  assert.ok(await ada.page.locator("#members").isVisible());
  await ada.page.keyboard.press("Escape");
  await ada.seesNo("#members");
}));
