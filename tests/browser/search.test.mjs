// Looking for what was said, and going there.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { act, rewrite } from "./support/deeds.mjs";
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
let voices = 0;
const someone = () => Voice.of(cluster.url, `Chronicler ${(voices += 1)}`);

/** @param {Person} person @param {string} words */
async function searches(person, words) {
  if (await person.page.locator("#search").isHidden()) await person.page.locator("#search-toggle").click();
  await person.page.locator("#search-text").fill(words);
  await person.page.keyboard.press("Enter");
}

/** @param {Person} person */
const results = ({ page }) => page.locator("#search-results .found").allTextContents();

test("what was said long ago is found, marked, and one press away", scene(server, async ({ person, room }) => {
  const voice = await someone();
  await voice.says(room, "The Beans are up", "Water them");
  await voice.says(room, ...Array.from({ length: 200 }, (_, index) => `Line ${index}`));
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  await ben.says("More beans, please");
  await ada.hears("More beans, please");
  await searches(ada, "beans");
  await ada.sees("#search-status", "2 messages");
  assert.deepEqual(await results(ada), ["More beans, please", "The Beans are up"]);
  assert.deepEqual(await ada.page.locator("#search-results mark").allTextContents(), ["beans", "Beans"]);
  await ada.page.locator(".result", { hasText: "The Beans are up" }).click();
  await ada.hears("The Beans are up");
  await until("the message to have the focus", () => ada.page.evaluate(() => document.activeElement?.textContent?.includes("The Beans are up")));
  await ada.sees("#jump", "Jump to latest");
  await searches(ada, `from:${ben.name.split(" ")[0]} beans`);
  await ada.sees("#search-status", "1 message");
  assert.deepEqual(await results(ada), ["More beans, please"]);
  await searches(ada, "parsnip");
  await ada.sees("#search-status", "Nothing found.");
  await ada.page.locator("#search-close").click();
  await ada.seesNo("#search");
}));

test("there is more where the first results end, and nothing of what was taken back", scene(server, async ({ person, room }) => {
  const voice = await someone();
  await voice.says(room, ...Array.from({ length: 45 }, (_, index) => `Tomato ${index}`));
  const ada = await person("Ada");
  await ada.says("Tomato of mine");
  await ada.hears("Tomato of mine");
  await act(ada, "Tomato of mine", "delete");
  await ada.page.locator("#action-delete").click();
  // It is shown so at once, and found until the server has heard of it.
  await ada.hears("This message was deleted.");
  await searches(ada, "TOMATO");
  await ada.sees("#search-status", "20+ messages");
  await ada.page.locator("#search-more").click();
  await ada.sees("#search-status", "40+ messages");
  await ada.page.locator("#search-more").click();
  await ada.sees("#search-status", "45 messages");
  await ada.seesNo("#search-more");
  const expected = Array.from({ length: 45 }, (_, index) => `Tomato ${44 - index}`);
  assert.deepEqual(await results(ada), expected);
}));

test("the same search is done again by Enter, and when the panel is opened after more was said", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  await searches(ada, "kiwi");
  await ada.sees("#search-status", "Nothing found.");
  await ben.says("A kiwi is green");
  await ada.hears("A kiwi is green");
  await ada.page.locator("#search-text").press("Enter");
  await ada.sees("#search-status", "1 message");
  assert.deepEqual(await results(ada), ["A kiwi is green"]);
  await ada.page.locator("#search-close").click();
  await ben.says("Kiwi is a bird");
  await ada.hears("Kiwi is a bird");
  await ada.page.locator("#search-toggle").click();
  await ada.sees("#search-status", "2 messages");
  assert.deepEqual(await results(ada), ["Kiwi is a bird", "A kiwi is green"]);
}));

test("what is found follows its edits, and goes when it is deleted", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  await ben.says("A quince is yellow");
  await ben.says("A quince is hard");
  await ben.says("No quince for me");
  await ada.hears("No quince for me");
  await searches(ada, "quince");
  await ada.sees("#search-status", "3 messages");
  await act(ben, "A quince is yellow", "edit");
  await rewrite(ben, "A quince is golden");
  await until("the text as it is now", async () => (await results(ada)).at(-1) === "A quince is golden");
  assert.deepEqual(await ada.page.locator("#search-results mark").allTextContents(), ["quince", "quince", "quince"]);
  await ada.page.locator(".result", { hasText: "A quince is hard" }).focus();
  await act(ben, "A quince is hard", "delete");
  await ben.page.locator("#action-delete").click();
  await ada.sees("#search-status", "2 messages");
  assert.deepEqual(await results(ada), ["No quince for me", "A quince is golden"]);
  await until("the focus to be on the next one", () => ada.page.evaluate(() => document.activeElement?.textContent?.includes("golden")));
}));

test("a search without a connection goes on by itself when there is one, and the way further back is called so again", scene(server, async ({ person, wire, room }) => {
  const voice = await someone();
  await voice.says(room, ...Array.from({ length: 45 }, (_, index) => `Radish ${index}`));
  const network = await wire();
  const ada = await person("Ada", { wire: network });
  await person("Ben", { elsewhere: ada });
  await searches(ada, "radish");
  await ada.sees("#search-status", "20+ messages");
  network.cut();
  await until("the page to know", async () => {
    await searches(ada, `leek${Math.random()}`);
    return (await ada.page.locator("#search-status").textContent()) === "You are not connected right now.";
  });
  await ada.sees("#search-more", "Try again");
  await ada.page.locator("#search-text").fill("radish");
  await ada.page.keyboard.press("Enter");
  await ada.sees("#search-status", "You are not connected right now.");
  await ada.returns(network);
  await ada.sees("#search-status", "20+ messages");
  await ada.sees("#search-more", "Search further back");
}));

test("what muted people said is folded away where it is found, too, and can be read there", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  const pest = await person("Pest", { elsewhere: ada });
  const ben = await person("Ben");
  await ben.says("A fig, please");
  await ada.hears("A fig, please");
  await pest.says("Buy figs");
  await pest.says("Buy cheap figs");
  await ada.hears("Buy cheap figs");
  await searches(ada, "fig");
  await ada.sees("#search-status", "3 messages");
  await ada.page.locator("#messages .author", { hasText: pest.name }).first().click();
  await ada.page.getByRole("button", { name: "Mute" }).click();
  await ada.page.keyboard.press("Escape");
  await ada.sees("#search-results .remark-text", "2 messages of people you muted");
  assert.deepEqual(await results(ada), ["A fig, please"]);
  await ada.seesNo("#search-results .author", pest.name);
  await searches(ada, "figs");
  await ada.sees("#search-results .remark-text", "2 messages of people you muted");
  await ada.page.locator("#search-results .show-folded").focus();
  await ada.page.keyboard.press("Enter");
  await until("their words", async () => (await results(ada)).join() === "Buy cheap figs,Buy figs");
  await until("the focus to be on them", () => ada.page.evaluate(() => document.activeElement?.textContent?.includes("Buy cheap figs")));
  assert.deepEqual(await ada.texts(), ["A fig, please"], "the conversation has its own fold");
}));
