// axe-core looks at what one can do with messages, people and private rooms: every panel open, light and dark, both
// directions, wide and narrow.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { hasNoFlaws } from "./support/axe.mjs";
import { act, react, row } from "./support/deeds.mjs";
import { startInstance } from "./support/programs.mjs";
import { scene } from "./support/scene.mjs";
import { onlyOnce } from "./support/transport.mjs";
import { Voice } from "./support/voice.mjs";

/** @type {import("./support/programs.mjs").Server} */
let instance;
// Whoever visits is there until the end, however long that takes.
const env = { HUBBUB__LIMITS__SENDS: "1000", HUBBUB__TIMING__POLL_DEADLINE: "10m" };
before(async () => void (instance = await startInstance({ env })));
after(() => instance?.end());
const server = () => instance;
const once = onlyOnce("what axe looks at is the same over every transport");

for (const dark of [false, true]) {
  for (const rtl of [false, true]) {
    const how = `${dark ? "the dark" : "the light"}, ${rtl ? "right to left" : "left to right"}`;
    test(`axe finds nothing in what one does with messages, in ${how}`, once, scene(server, async ({ person, room }) => {
      const ada = await person("Ada", { dark });
      const { page } = ada;
      const ben = await Voice.of(instance.url, `Ben in ${room}`);
      await ben.visits(room);
      await page.evaluate((on) => (document.documentElement.dir = on ? "rtl" : "ltr"), rtl);
      await ben.says(room, "Tea?", `Or coffee, @${ada.name}?`);
      await ada.says("Coffee");
      await ada.hears("Coffee", `Or coffee, @${ada.name}?`);
      await react(ada, "Tea?", "👍");
      await act(ada, "Tea?", "reply");
      await ada.says("Tea, then");
      await ada.says("Oops");
      await ada.hears("Oops");
      await act(ada, "Oops", "delete");
      await hasNoFlaws(ada, "asked whether to delete");
      await page.locator("#action-delete").click();
      await row(ada, "This message was deleted.").waitFor();
      await act(ada, "Coffee", "edit");
      await hasNoFlaws(ada, "an editor, a quote, a reaction, a mention and a trace");
      await page.locator(".editor textarea").fill("Coffee, please");
      await page.keyboard.press("Enter");
      await row(ada, "Coffee, please").locator("[data-edited]").waitFor();
      await act(ada, "Tea?", "react");
      await page.locator("#emoji-other").fill("two words");
      await page.keyboard.press("Enter");
      await ada.sees("#emoji-problem", "One emoji");
      await hasNoFlaws(ada, "the picker");
      await page.keyboard.press("Escape");
      await act(ada, "Tea?", "reply");
      await ada.types("@");
      await ada.sees("#mention-list li", "Ben");
      await hasNoFlaws(ada, "an answer that mentions somebody");
      await page.keyboard.press("Escape");
      await page.locator("#member-list .name", { hasText: "Ben" }).click();
      await ada.page.locator("dialog .direct").waitFor();
      await hasNoFlaws(ada, "a person");
      await page.keyboard.press("Escape");
      await page.locator("#search-toggle").click();
      await page.locator("#search-text").fill("tea");
      await ada.sees("#search-status", "2 messages");
      await hasNoFlaws(ada, "the search");
      await page.locator("#search-text").fill("parsnip");
      await ada.sees("#search-status", "Nothing found.");
      await hasNoFlaws(ada, "a search that found nothing");
      await page.locator("#search-close").click();
      await page.locator("#create-open").click();
      await page.locator("#create-button").click();
      await ada.sees("#create-problem", "Give it a title first.");
      await hasNoFlaws(ada, "making a private room");
      await page.locator("#create-title").fill("Plans");
      await page.locator("#create-people").fill(`Ben in ${room}`);
      await page.locator("#create-button").click();
      await ada.sees("#room-title", "Plans");
      await ada.sees("#away-list .name", "Ben");
      await page.locator("#invite-name").fill("Nobody at all");
      await page.locator("#invite-form button").click();
      await ada.sees("#invite-told", "Nobody is called");
      await page.locator("#forget").click();
      await hasNoFlaws(ada, "a private room");
      await page.locator("#away-list .name", { hasText: "Ben" }).click();
      await page.locator("dialog .direct").click();
      await ada.sees("#room-title", `Ben in ${room}`);
      await ada.isIn();
      await hasNoFlaws(ada, "a room of two");
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.equal(overflow, 0, "nothing is wider than the screen");
    }));
  }

  test(`axe finds nothing on a phone, in ${dark ? "the dark" : "the light"}`, once, scene(server, async ({ person }) => {
    const ada = await person("Ada", { dark, phone: true });
    const { page } = ada;
    await ada.says("Mine");
    await ada.hears("Mine");
    await row(ada, "Mine").locator(".text").tap();
    await page.locator("#actions").waitFor();
    await hasNoFlaws(ada, "the toolbar");
    await page.locator("#action-react").tap();
    await page.locator("#emoji-picker").waitFor();
    await hasNoFlaws(ada, "the picker");
    await page.locator("#emoji-palette button").first().tap();
    await ada.sees(".reaction", "👍");
    await page.locator("#search-toggle").tap();
    await page.locator("#search-text").fill("mine");
    await ada.sees("#search-status", "1 message");
    await hasNoFlaws(ada, "the search");
    await page.locator(".result").tap();
    await ada.seesNo("#search");
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.equal(overflow, 0, "nothing is wider than the screen");
  }));
}
