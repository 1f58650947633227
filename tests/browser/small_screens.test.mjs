// What only a phone can get wrong: turning it, panels that cover the conversation, fingers and short lines.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { row } from "./support/deeds.mjs";
import { startCluster } from "./support/programs.mjs";
import { scene } from "./support/scene.mjs";
import { until } from "./support/until.mjs";
import { Voice } from "./support/voice.mjs";

/** What can lie over the conversation: what opens it, and what closes it. @type {[string, string][]} */
const COVERS = [["#search-toggle", "#search-close"], ["#members-toggle", "#members-close"], ["#drawer-open", "#drawer-close"],
  ["#room-options", "dialog .icon-button"]];

/** @type {import("./support/programs.mjs").Server} */
let cluster;
before(async () => void (cluster = await startCluster({ env: { HUBBUB__LIMITS__SENDS: "1000" } })));
after(() => cluster?.end());
const server = () => cluster;

test("a phone that is turned with the drawer open shows the conversation", scene(server, async ({ person }) => {
  const ada = await person("Ada", { phone: true });
  await ada.page.locator("#drawer-open").tap();
  await ada.sees("#me-name", ada.name);
  await ada.page.setViewportSize({ width: 844, height: 390 });
  await until("the conversation to answer", () => ada.page.locator("#conversation").evaluate((node) => !node.hasAttribute("inert")));
  await ada.page.locator("#composer-text").tap();
  await ada.page.keyboard.type("Turned");
  await ada.page.locator("#composer-send").tap();
  await ada.hears("Turned");
}));

test("a window that gets narrow covers nothing with its list of people, and has it again when it is wide", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  await ada.sees("#member-list", ada.name);
  await ada.page.setViewportSize({ width: 600, height: 800 });
  await ada.seesNo("#members:not([hidden])");
  await ada.says("There is room to write");
  await ada.hears("There is room to write");
  await ada.page.setViewportSize({ width: 1200, height: 800 });
  await ada.sees("#member-list", ada.name);
}));

for (const [language, words] of /** @type {const} */ ([["en-GB", "Try now"], ["de", "Jetzt versuchen"]])) {
  test(`the way to try again is within reach of a thumb (${language})`, scene(server, async ({ person, wire }) => {
    const network = await wire();
    const ada = await person("Ada", { wire: network, phone: true, language });
    network.cut();
    await ada.sees("#try-now", words);
    // While the page tries by itself there is no button.
    await until("it to be within reach", () => ada.page.locator("#try-now").evaluate((node) => {
      const { left, right, top, bottom } = node.getBoundingClientRect();
      const isThere = (/** @type {number} */ x) => document.elementFromPoint(x, (top + bottom) / 2) === node;
      return left >= 0 && right <= innerWidth && isThere(left + 3) && isThere(right - 3);
    }));
    await ada.looksAway();
    let tries = 0;
    ada.page.on("websocket", () => (tries += 1));
    for (let times = 1; times <= 3; times += 1) {
      await ada.page.locator("#try-now").tap();
      await until("a try", () => tries >= times);
      await ada.sees("#countdown", / \d+ s/);
    }
    assert.deepEqual((await ada.sightings()).statuses, [], "what is the same is said once");
    await ada.returns(network, () => ada.page.locator("#try-now").tap({ timeout: 1_000 }).catch(() => {}));
    await ada.seesNo("#try-now");
  }));
}

test("what comes while something lies over the conversation is not read", scene(server, async ({ person, room }) => {
  const ada = await person("Ada", { phone: true });
  const ben = await Voice.of(cluster.url, `Ben in ${room}`);
  const { page } = ada;
  for (const [open, close] of COVERS) {
    await page.locator(open).tap();
    await page.locator(close).waitFor();
    await ben.says(room, `Behind ${open}`);
    await until(`${open} to hide what is new`, async () => (await page.title()).startsWith("(1) "));
    await page.locator(close).tap();
    await until("it to be read", async () => !(await page.title()).startsWith("("));
  }
  await ada.hasHeardExactly(COVERS.map(([open]) => `Behind ${open}`));
}));

test("going back closes what lies over the conversation, and only then leads to the room before", scene(server, async ({ person, room }) => {
  const ada = await person("Ada", { phone: true });
  const { page } = ada;
  const isAt = (/** @type {string} */ where) => until(`the room ${where}`, async () =>
    page.url().endsWith(`/r/${where}`) && (await page.locator("#room-title").textContent()) === where);
  for (const next of ["b", "c"]) {
    await page.locator("#drawer-open").tap();
    await ada.joins(`${room}-${next}`);
  }
  for (const [open, close] of COVERS) {
    await page.locator(open).tap();
    await page.locator(close).waitFor();
    await page.goBack();
    await ada.seesNo(close);
    await isAt(`${room}-c`);
    await page.goBack();
    await isAt(`${room}-b`);
    // It is the same the other way round.
    await page.locator(open).tap();
    await page.locator(close).waitFor();
    await page.goForward();
    await ada.seesNo(close);
    await isAt(`${room}-b`);
    await page.goForward();
    await isAt(`${room}-c`);
  }
  await page.goBack();
  await page.goBack();
  await isAt(room);
}));

test("a dialog about a room does not outlive it", scene(server, async ({ person, secondTab }) => {
  const ada = await person("Ada", { phone: true });
  const { page } = ada;
  await page.locator("#drawer-open").tap();
  await page.locator("#create-open").tap();
  await page.locator("#create-title").fill("Plans");
  await page.locator("#create-button").tap();
  await ada.sees("#room-title", "Plans");
  await page.locator("#room-options").tap();
  await ada.sees("dialog h2", "Plans");
  const tab = await secondTab(ada);
  await tab.page.locator("#drawer-open").tap();
  await tab.page.locator("#private-rooms a").tap();
  await tab.page.locator("#members-toggle").tap();
  await tab.page.locator("#forget").tap();
  await tab.page.locator("#forget").tap();
  await ada.seesNo("#room-title", "Plans");
  await ada.seesNo("dialog");
}));

test("an invitation is seen on a phone, too", scene(server, async ({ person }) => {
  const ben = await person("Ben", { phone: true });
  const ada = await person("Ada");
  await ada.page.locator("#create-open").click();
  await ada.page.locator("#create-title").fill("Party");
  await ada.page.locator("#create-people").fill(ben.name);
  await ada.page.locator("#create-button").click();
  await ben.sees("#notice-text", `${ada.name} invited you to Party.`);
  await ben.sees("#drawer-dot", "");
  await until("a count in the title", async () => (await ben.page.title()).startsWith("(1) "));
  await ben.page.locator("#drawer-open").tap();
  await ben.sees("#private-rooms .badge.calls", "@ 1");
  await ben.page.locator("#private-rooms a").tap();
  await ben.sees("#room-title", "Party");
  await until("a plain title", async () => (await ben.page.title()) === "Party · hubbub");
  await ben.seesNo("#notice");
  await ben.sees("#history-note", "invite somebody");
  await ben.seesNo("#drawer-dot");
}));

test("a finger finds fields that do not zoom, and Enter makes a line in each text", scene(server, async ({ person }) => {
  const ada = await person("Ada", { phone: true });
  const { page } = ada;
  const small = await page.evaluate(() => [...document.querySelectorAll("input, textarea, select")]
    .filter((field) => parseFloat(getComputedStyle(field).fontSize) < 16).map(({ id }) => id));
  assert.deepEqual(small, []);
  await page.locator("#composer-text").tap();
  for (const line of ["One", "two"]) {
    await page.keyboard.type(line);
    await page.keyboard.press("Enter");
  }
  assert.equal(await page.locator("#composer-text").getAttribute("enterkeyhint"), "enter");
  await page.locator("#composer-send").tap();
  await ada.hears("One\ntwo");
  await row(ada, "One\ntwo").locator(".text").tap();
  await page.locator("#action-edit").tap();
  await page.keyboard.press("Enter");
  await page.keyboard.type("three");
  assert.equal(await page.locator(".editor textarea").getAttribute("enterkeyhint"), "enter");
  await page.locator(".editor .save").tap();
  await ada.hears("One\ntwo\nthree");
}));

test("what one has touched can be read, and a long name fits", scene(server, async ({ person, room }) => {
  const place = `${room}-with-a-name-so-long-that-no-phone-has-room-for-it`;
  const ben = await Voice.of(cluster.url, `Ben in ${room}`);
  await ben.says(place, ...Array.from({ length: 30 }, (_, index) => `Line ${index + 1}, long enough to reach the other side`), "שלום");
  const ada = await person("Ada", { phone: true, room: place });
  await ada.hears("שלום");
  const { page } = ada;
  const lines = await page.locator("#composer-text").evaluate((node) => node.scrollHeight / parseFloat(getComputedStyle(node).lineHeight));
  assert.ok(lines < 2, `${lines} lines`);
  const first = await page.evaluate(() => {
    const top = document.getElementById("scroller")?.getBoundingClientRect().top ?? 0;
    return [...document.querySelectorAll("#messages .text")].find((text) => text.getBoundingClientRect().top >= top)?.textContent ?? "";
  });
  for (const text of ["שלום", "Line 30, long enough to reach the other side", first]) {
    await row(ada, text).locator(".text").tap();
    await row(ada, text).locator("#actions").waitFor();
    const lies = await row(ada, text).evaluate((node) => {
      const bar = /** @type {Element} */ (node.querySelector("#actions")).getBoundingClientRect();
      const range = document.createRange();
      range.selectNodeContents(/** @type {Element} */ (node.querySelector(".text")));
      const view = /** @type {Element} */ (document.getElementById("scroller")).getBoundingClientRect();
      const over = [...range.getClientRects()].some(({ top, bottom, left, right }) =>
        bar.bottom - 3 > top && bar.top + 3 < bottom && bar.right > left && bar.left < right);
      return { over, inView: bar.top >= view.top - 1 && bar.bottom <= view.bottom + 1 };
    });
    assert.deepEqual(lies, { over: false, inView: true }, text);
  }
}));

test("what one can do with a message goes when one has done it, and does not lie over the others", scene(server, async ({ person, room }) => {
  const ben = await Voice.of(cluster.url, `Ben in ${room}`);
  await ben.says(room, "Above", "Tea or coffee?");
  const ada = await person("Ada", { phone: true });
  const { page } = ada;
  const opens = async (/** @type {string} */ text) => {
    await row(ada, text).locator(".text").tap();
    await row(ada, text).locator("#actions").waitFor();
  };
  await opens("Tea or coffee?");
  await page.locator("#action-reply").tap();
  await ada.seesNo("#actions");
  await page.keyboard.type("Tea");
  await page.locator("#composer-send").tap();
  await ada.hears("Tea");
  await ada.seesNo("#actions");
  // Whoever thinks better of it touches something else.
  await opens("Above");
  await page.locator("#composer-text").tap();
  await ada.seesNo("#actions");
  // It stays as long as it asks something.
  await opens("Tea");
  await page.locator("#action-delete").tap();
  await ada.sees("#action-delete", "Delete for everybody?");
  await page.locator("#action-delete").tap();
  await ada.sees(".tombstone", "This message was deleted.");
  await ada.seesNo("#actions");
}));
