// Looking for what was said, and going there.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { act, row } from "./support/deeds.mjs";
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
  await row(ada, "This message was deleted.").waitFor();
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
