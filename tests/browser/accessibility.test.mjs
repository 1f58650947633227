// axe-core looks at every state of the page people spend time in, light and dark, wide and narrow; and the keyboard
// alone is enough to talk.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { hasNoFlaws } from "./support/axe.mjs";
import { administer, startInstance } from "./support/programs.mjs";
import { scene } from "./support/scene.mjs";
import { Voice } from "./support/voice.mjs";

/** @type {import("./support/programs.mjs").Server} */
let instance;
before(async () => void (instance = await startInstance()));
after(() => instance?.end());
const server = () => instance;

for (const dark of [false, true]) {
  test(`axe finds nothing in the ${dark ? "dark" : "light"}`, scene(server, async ({ person, room }) => {
    const ada = await person("Ada", { dark });
    const ben = await Voice.of(instance.url, `Ben in ${room}`);
    await ben.visits(room, `${room}-other`);
    await ben.says(room, "Have a look at https://example.org/a?b=c", "And again");
    await ben.says(`${room}-other`, "Something is new here");
    await ada.says("Mine");
    await ada.hears("Mine", "And again");
    await ada.types("A draft");
    await hasNoFlaws(ada, "the conversation");
    await ada.joins(`${room}-other`);
    await ben.says(room, "While you were out");
    await ada.sees(".badge", "1");
    await administer(instance, "POST", "notice", { text: "Back in five minutes" });
    await ada.sees("#notice-text", "Back in five minutes");
    await administer(instance, "DELETE", `rooms/${room}-other`);
    await ada.sees(".remark-text", "This room was closed.");
    await ada.says("Too late");
    await ada.sees(".failed .fate-text", "Not sent");
    await hasNoFlaws(ada, "a closed room with a failed message, a notice and something unread");
    await ada.page.locator("#sign-out").click();
    await ada.page.locator("#sign-in-name").fill("");
    await ada.page.locator("#sign-in-form-button").click();
    await ada.sees("#sign-in-error", "Type a name first.");
    await hasNoFlaws(ada, "signing in");
  }));

  for (const rtl of [false, true]) {
    test(`axe finds nothing in the dialogs in the ${dark ? "dark" : "light"}${rtl ? ", right to left" : ""}`, scene(server, async ({ person, room }) => {
      const ada = await person("Ada", { dark });
      const ben = await Voice.of(instance.url, `Ben ${rtl} ${room}`);
      await ben.visits(room);
      await ada.page.evaluate((on) => (document.documentElement.dir = on ? "rtl" : "ltr"), rtl);
      await ada.turns(true);
      await ben.says(room, "Something new", `for @${ada.name}`, "https://example.org/");
      await ada.sees(".badge.calls", "@ 3");
      await hasNoFlaws(ada, "a line above what is new, and a mention");
      await ada.turns(false);
      const { page } = ada;
      const dialogs = [
        ["the room", () => page.locator("#room-options").click()],
        ["the settings", () => page.locator("#settings-open").click()],
        ["a person", () => page.locator("#member-list .name", { hasText: "Ben" }).click()],
        ["the keys", () => page.keyboard.press("Control+/")],
        ["the switcher", () => page.keyboard.press("Control+k")],
      ];
      for (const [what, open] of /** @type {[string, () => Promise<void>][]} */ (dialogs)) {
        await open();
        await page.locator("dialog").waitFor();
        await hasNoFlaws(ada, what);
        if (what === "a person") await page.locator("dialog .mute").click();
        await page.keyboard.press("Escape");
        await ada.seesNo("dialog");
      }
      await ada.sees(".remark-text", "3 messages of people you muted");
      await hasNoFlaws(ada, "somebody muted");
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.equal(overflow, 0, "nothing is wider than the screen");
    }));
  }

  test(`axe finds nothing on a phone in the ${dark ? "dark" : "light"}`, scene(server, async ({ person }) => {
    const ada = await person("Ada", { dark, phone: true });
    await ada.says("Mine");
    await ada.hears("Mine");
    await hasNoFlaws(ada, "the conversation");
    await ada.page.locator("#drawer-open").tap();
    await ada.sees("#me-name", ada.name);
    await ada.page.locator("#sidebar").evaluate((node) => Promise.all(node.getAnimations().map((each) => each.finished)));
    await hasNoFlaws(ada, "the drawer");
    await ada.page.locator("#drawer-close").tap();
    await ada.page.locator("#members-toggle").tap();
    await hasNoFlaws(ada, "who is here");
  }));
}

test("the keyboard alone is enough", scene(server, async ({ person, room }) => {
  const ada = await person("Ada");
  const { keyboard } = ada.page;
  await keyboard.type("First line");
  await keyboard.press("Shift+Enter");
  await keyboard.type("second line");
  await keyboard.press("Enter");
  await ada.hears("First line\nsecond line");
  await ada.page.locator("#join-name").focus();
  await keyboard.type(`${room} keys`);
  await keyboard.press("Enter");
  await ada.page.waitForURL(`**/r/${room}-keys`);
  await ada.page.reload();
  await ada.isIn();
  await keyboard.type("The cursor is in the message box");
  await keyboard.press("Enter");
  await ada.hears("The cursor is in the message box");
}));
