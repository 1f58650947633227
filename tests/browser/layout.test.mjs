// Where things are: names that are longer than their place, more rooms than fit, and words that come and go.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startCluster } from "./support/programs.mjs";
import { scene } from "./support/scene.mjs";
import { onlyOnce } from "./support/transport.mjs";
import { until } from "./support/until.mjs";
import { Voice } from "./support/voice.mjs";

/** @type {import("./support/programs.mjs").Server} */
let cluster;
before(async () => void (cluster = await startCluster({ env: { HUBBUB__LIMITS__SENDS: "1000" } })));
after(() => cluster?.end());
const server = () => cluster;
/** @typedef {import("./support/person.mjs").Person} Person */

/** Where the field for another room is. @param {Person} person */
const lies = ({ page }) => page.evaluate(() => {
  const at = (/** @type {string} */ selector) => /** @type {Element} */ (document.querySelector(selector)).getBoundingClientRect();
  const { left, top, bottom } = at("#join-name");
  return {
    isThere: document.elementFromPoint(left + 5, (top + bottom) / 2)?.id === "join-name",
    isBelow: at("#other-rooms li:last-child").bottom <= top,
  };
});

const once = onlyOnce("it is about what is drawn, and nothing of that goes over the network");

test("a name that is longer than its place ends in dots, and can be read in full", once, scene(server, async ({ person, room }) => {
  const place = `${room}-with-a-name-so-long-that-it-fits-nowhere-on-a-page`;
  const ada = await person("Ada", { room: place });
  for (const selector of ["#joined-rooms .name", "#room-title"]) {
    assert.equal(await ada.page.locator(selector).first().getAttribute("title"), place, selector);
  }
  await ada.page.setViewportSize({ width: 390, height: 800 });
  await ada.page.locator("#composer-text").blur();
  const picture = () => ada.page.locator("#composer-text").screenshot();
  let dotted = await picture();
  await until("all to be at its place", async () => {
    const before = dotted;
    dotted = await picture();
    return dotted.equals(before);
  });
  await ada.page.locator("#composer-text").evaluate((node) => void (node.style.textOverflow = "clip"));
  assert.ok(!dotted.equals(await picture()), "there are dots");
}));

test("the field for another room is in view however many there are, and covers none", once, scene(server, async ({ person, room }) => {
  const ben = await Voice.of(cluster.url, `Ben in ${room}`);
  const rooms = Array.from({ length: 40 }, (_, index) => `${room}-${index}`);
  await ben.does(rooms.map((name) => ({ type: "send", room: name, text: "Here" })));
  for (const phone of [false, true]) {
    const ada = await person(phone ? "Cy" : "Ada", { phone });
    const { page } = ada;
    if (phone) await page.locator("#drawer-open").tap();
    await until("all rooms", async () => (await page.locator("#other-rooms li").count()) >= rooms.length);
    await until("the field to be in view, of more rooms than fit", async () => {
      const { isThere, isBelow } = await lies(ada);
      return isThere && !isBelow;
    });
    await page.locator("#other-rooms li").last().scrollIntoViewIfNeeded();
    await until("the last one above the field", async () => (await lies(ada)).isBelow);
    assert.ok((await lies(ada)).isThere);
    // What is wrong with a name is told in view, too.
    await page.locator("#join-name").fill("!");
    await page.keyboard.press("Enter");
    await ada.sees("#join-error", "Use letters, digits, dashes");
    const isAbove = await page.locator("#join-error").evaluate((node) => {
      const foot = /** @type {Element} */ (document.querySelector(".sidebar-foot")).getBoundingClientRect();
      return foot.bottom <= innerHeight && node.getBoundingClientRect().bottom <= foot.top;
    });
    assert.ok(isAbove);
  }
}));

test("with few rooms the field for another one stands right below them", once, scene(server, async ({ person }) => {
  const ada = await person("Ada");
  // Of the other tests there are many.
  await ada.page.evaluate(() => void document.getElementById("directory")?.remove());
  const gap = await ada.page.evaluate(() => {
    const at = (/** @type {string} */ selector) => /** @type {Element} */ (document.querySelector(selector)).getBoundingClientRect();
    return at("#join-name").top - at("#private").bottom;
  });
  assert.ok(gap >= 0 && gap < 40, `${gap}`);
}));

test("nothing of the form moves when it says what is wrong", once, scene(server, async ({ person, room }) => {
  const ben = await Voice.of(cluster.url, `Ben in ${room}`);
  // One who has signed in and does nothing has the name for half a minute only.
  await ben.visits(room);
  for (const language of ["en-GB", "de"]) {
    const ada = await person("Ada", { outside: true, language });
    const { page } = ada;
    await page.locator("#sign-in-name").waitFor();
    const places = () => page.evaluate(() => ["#sign-in h1", "#sign-in-name", "#sign-in-form-button"].map((selector) =>
      document.querySelector(selector)?.getBoundingClientRect().top));
    const before = await places();
    // None, one with letters that cannot be in a name, and one that somebody has.
    for (const name of ["", "\u202eAda", `Ben in ${room}`]) {
      await page.locator("#sign-in-name").fill(name);
      await ada.seesNo("#sign-in-error", /./);
      await page.locator("#sign-in-form-button").click();
      await ada.sees("#sign-in-error", /./);
      assert.deepEqual(await places(), before, name);
    }
  }
}));
