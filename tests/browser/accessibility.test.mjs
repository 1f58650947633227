// axe-core looks at every state of the page people spend time in: light and dark, from the left and from the right, wide
// and narrow.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { hasNoFlaws } from "./support/axe.mjs";
import { administer, startInstance } from "./support/programs.mjs";
import { scene, takeWholeBrowser } from "./support/scene.mjs";
import { onlyOnce } from "./support/transport.mjs";
import { until } from "./support/until.mjs";
import { Voice } from "./support/voice.mjs";

takeWholeBrowser();

/** @typedef {import("./support/person.mjs").Person} Person */

/** @type {import("./support/programs.mjs").Server} */
let instance;
// Whoever visits is there until the end, however long that takes.
const env = { HUBBUB__LIMITS__SENDS: "1000", HUBBUB__TIMING__POLL_DEADLINE: "10m" };
before(async () => void (instance = await startInstance({ env })));
after(() => instance?.end());
const server = () => instance;
const once = onlyOnce("what axe looks at is the same over every transport");

for (const [dark, rtl] of [[false, false], [false, true], [true, false], [true, true]]) {
  const how = `in the ${dark ? "dark" : "light"}${rtl ? ", right to left" : ""}`;

  test(`axe finds nothing in the conversation ${how}`, once, scene(server, async ({ person, room }) => {
    const ada = await person("Ada", { dark: dark === true });
    const ben = await Voice.of(instance.url, `Ben in ${room}`);
    await ben.visits(room, `${room}-other`);
    await turn(ada, rtl === true);
    await hasNoFlaws(ada, "a room where nothing was said");
    await ben.says(room, "Have a look at https://example.org/a?b=c", "And **again**, with `code`");
    await ben.says(`${room}-other`, "Something is new here");
    await ada.says("Mine");
    await ada.hears("Mine", "And **again**, with `code`");
    await ada.types("A draft");
    // One word about it may be lost between two polls.
    await until("the typing to be seen", async () => {
      await ben.types(room);
      return ada.page.locator("#typing").filter({ hasText: "is typing" }).waitFor({ timeout: 1_000 }).then(() => true, () => false);
    });
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
    await ada.sees("#sign-out-question", "What you have not sent is lost.");
    await hasNoFlaws(ada, "asked before signing out");
    await ada.page.locator("#sign-out.armed").click();
    await ada.page.locator("#sign-in-name").waitFor();
    await turn(ada, rtl === true);
    await hasNoFlaws(ada, "signing in");
    await ada.page.locator("#sign-in-name").fill("");
    await ada.page.locator("#sign-in-form-button").click();
    await ada.sees("#sign-in-error", "Type a name first.");
    await hasNoFlaws(ada, "signing in without a name");
    await ada.page.locator("#sign-in-name").fill(`Ben in ${room}`);
    await ada.page.locator("#sign-in-form-button").click();
    await ada.sees("#sign-in-error", "Someone is using that name right now");
    await hasNoFlaws(ada, "a name that is taken");
  }));

  test(`axe finds nothing while the network is away ${how}`, once, scene(server, async ({ person, wire, room }) => {
    const network = await wire();
    network.blocksWebSocket = true;
    const ada = await person("Ada", { dark: dark === true, wire: network });
    const ben = await Voice.of(instance.url, `Ben in ${room}`);
    await turn(ada, rtl === true);
    await ben.says(room, ...Array.from({ length: 60 }, (_, index) => `Line ${index}`));
    await ada.hears("Line 59");
    await ada.sees("#status", "slow network mode");
    await ada.page.locator("#scroller").evaluate((node) => void (node.scrollTop -= 300));
    await ada.sees("#jump", "Jump to latest");
    await ben.says(room, "Further down");
    await ada.sees("#jump", "1 new message");
    await hasNoFlaws(ada, "a slow network, and something new further down");
    network.cut();
    await ada.says("Written in a tunnel");
    await ada.sees(".pending .text", "Written in a tunnel");
    await ada.sees("#status", "Not connected. What you write is kept.");
    await ada.sees("#try-now", /./);
    await hasNoFlaws(ada, "no connection, and a message that waits");
    await ada.page.context().setOffline(true);
    await ada.sees("#status", "You are offline");
    await hasNoFlaws(ada, "offline");
  }));

  test(`axe finds nothing in the dialogs ${how}`, once, scene(server, async ({ person, room }) => {
    const ada = await person("Ada", { dark: dark === true });
    const ben = await Voice.of(instance.url, `Ben ${rtl} ${room}`);
    await ben.visits(room);
    await turn(ada, rtl === true);
    await ada.turns(true);
    await ben.says(room, "Something new", `for @${ada.name}`, "https://example.org/");
    await ada.sees(".badge.calls", "@ 3");
    await hasNoFlaws(ada, "a line above what is new, and a mention");
    await ada.turns(false);
    const { page } = ada;
    await ben.does([{ type: "create", title: "Plans", invite: [ada.name] }]);
    await ada.sees("#private-rooms .badge.calls", "@ 1");
    await ada.sees("#notice-text", "invited you to Plans.");
    await hasNoFlaws(ada, "an invitation");
    await page.context().grantPermissions(["notifications"]);
    const dialogs = [
      ["the room", () => page.locator("#room-options").click()],
      ["the settings", () => page.locator("#settings-open").click()],
      ["a person", () => page.locator("#member-list .name", { hasText: "Ben" }).click()],
      ["the settings with somebody muted", () => page.locator("#settings-open").click()],
      ["the keys", () => page.keyboard.press("Control+/")],
      ["the switcher", () => page.keyboard.press("Control+k")],
    ];
    for (const [what, open] of /** @type {[string, () => Promise<void>][]} */ (dialogs)) {
      await open();
      await page.locator("dialog").waitFor();
      if (what === "the room" || what === "the settings") await ada.sees("dialog .notify-state", "Notifications are on.");
      await hasNoFlaws(ada, what);
      if (what === "a person") await page.locator("dialog .mute").click();
      if (what === "the switcher") await page.keyboard.type("nowhere yet");
      await hasNoFlaws(ada, `${what}, used`);
      await page.keyboard.press("Escape");
      await ada.seesNo("dialog");
    }
    await ada.sees(".remark-text", "3 messages of people you muted");
    await hasNoFlaws(ada, "somebody muted");
    await isNotTooWide(ada);
    await page.locator("#sign-out").click();
    await ada.sees("#sign-out-question", "You will not get back into your private rooms and direct messages.");
    await hasNoFlaws(ada, "asked before signing out");
    await isNotTooWide(ada);
  }));

  test(`axe finds nothing on a phone ${how}`, once, scene(server, async ({ person }) => {
    const ada = await person("Ada", { dark: dark === true, phone: true });
    await turn(ada, rtl === true);
    await ada.says("Mine");
    await ada.hears("Mine");
    await hasNoFlaws(ada, "the conversation");
    await ada.page.locator("#drawer-open").tap();
    await ada.sees("#me-name", ada.name);
    await ada.page.locator("#sidebar").evaluate((node) => Promise.all(node.getAnimations().map((each) => each.finished)));
    await hasNoFlaws(ada, "the drawer");
    await ada.page.locator("#composer-text").evaluate((node) => void (/** @type {HTMLTextAreaElement} */ (node).value = "A draft"));
    await ada.page.locator("#sign-out").tap();
    await ada.sees("#sign-out-question", "What you have not sent is lost.");
    await hasNoFlaws(ada, "asked before signing out");
    await ada.page.locator("#settings-open").tap();
    await ada.page.locator("dialog").waitFor();
    await hasNoFlaws(ada, "the settings");
    await ada.page.locator("dialog .dialog-head button").tap();
    await ada.page.locator("#drawer-close").tap();
    await ada.page.locator("#members-toggle").tap();
    await ada.sees("#member-list .name", ada.name);
    await hasNoFlaws(ada, "who is here");
    await isNotTooWide(ada);
  }));
}

/** Makes the page one that is read from the right. @param {Person} person @param {boolean} rtl */
async function turn({ page }, rtl) {
  await page.evaluate((on) => (document.documentElement.dir = on ? "rtl" : "ltr"), rtl);
}

/** @param {Person} person */
async function isNotTooWide({ page }) {
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.equal(overflow, 0, "nothing is wider than the screen");
}
