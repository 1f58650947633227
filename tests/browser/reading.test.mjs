// Reading and writing on one screen: long histories, a phone, the dark.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createRoom, startInstance } from "./support/programs.mjs";
import { scene } from "./support/scene.mjs";
import { until } from "./support/until.mjs";
import { Voice } from "./support/voice.mjs";

/** @type {import("./support/programs.mjs").Server} */
let instance;
before(async () => void (instance = await startInstance({ env: { HUBBUB__LIMITS__SENDS: "100000", HUBBUB__LIMITS__ROOM_SENDS: "100000" } })));
after(() => instance?.end());
const server = () => instance;

test("earlier messages come when one scrolls up, and the line one reads stays where it is", scene(server, async ({ person, room }) => {
  const lines = Array.from({ length: 160 }, (_, index) => `Line ${index + 1}`);
  await (await Voice.of(instance.url, "Chronicler")).says(room, ...lines);
  const ada = await person("Ada");
  await ada.hears("Line 160");
  assert.ok((await ada.texts()).length < 160, "not everything is loaded at once");
  for (let turn = 0; (await ada.texts()).length < 160; turn += 1) {
    assert.ok(turn < 20, "the beginning is reached after a few turns");
    const drift = await ada.page.evaluate(scrollUpAndMeasure);
    assert.ok(Math.abs(drift) < 2, `the line moved by ${drift} px`);
  }
  await ada.hasHeardExactly(lines);
  await ada.page.evaluate(() => document.getElementById("scroller")?.scrollTo(0, 0));
  await ada.sees("#history-note", "This is the beginning");
  await (await Voice.of(instance.url, "Latecomer")).says(room, "News");
  await ada.sees("#jump", "1 new message");
  await ada.page.locator("#jump").click();
  await ada.hears("News");
  await ada.seesNo("#jump");
}));

/** Goes near the top and waits for older rows; how far did the first line in view move? It has to stand alone. */
async function scrollUpAndMeasure() {
  const scroller = /** @type {HTMLElement} */ (document.getElementById("scroller"));
  const count = () => document.querySelectorAll("#messages .text").length;
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  const before = count();
  scroller.scrollTop = Math.min(scroller.scrollTop, 250);
  const line = [...document.querySelectorAll("#messages .text")]
    .find((node) => node.getBoundingClientRect().top > scroller.getBoundingClientRect().top);
  const top = line?.getBoundingClientRect().top ?? 0;
  const end = performance.now() + 5_000;
  let worst = 0;
  while (count() === before && performance.now() < end) await frame();
  for (let more = 0; more < 5; more += 1) {
    const now = (line?.getBoundingClientRect().top ?? 0) - top;
    if (Math.abs(now) > Math.abs(worst)) worst = now;
    await frame();
  }
  return count() === before ? Number.NaN : worst;
}

test("a conversation one follows lets go of its beginning, and one that is looked for is found all the same", scene(server, async ({ person, room }) => {
  const ada = await person("Ada");
  await ada.says("The first word");
  await ada.hears("The first word");
  await ada.page.locator("#messages .message").first().hover();
  await ada.page.locator("#action-reply").click();
  const ben = await Voice.of(instance.url, `Ben of ${room}`);
  await ben.says(room, ...Array.from({ length: 1_200 }, (_, index) => `Line ${index + 1}`));
  await ada.hears("Line 1200");
  await ada.says("An answer to what is long gone");
  await ada.hears("An answer to what is long gone");
  await ada.page.locator("#messages button.quote").click();
  await ada.hears("The first word");
  await ada.page.locator("#jump").click();
  await ada.hears("An answer to what is long gone");
  await ada.seesNo("#jump");
}));

test("a phone shows the conversation, and the rooms in a drawer", scene(server, async ({ person, room }) => {
  await createRoom(instance, `${room}-kitchen`, "Kitchen");
  const ada = await person("Ada", { phone: true });
  const ben = await person("Ben");
  await isInView(ada, "#composer");
  await ada.says("From the bus");
  await ben.hears("From the bus");
  await ben.says("Which one?");
  await ada.hears("Which one?");
  await ada.seesNo("#joined-rooms");
  await ada.page.locator("#drawer-open").tap();
  await isInView(ada, "#sidebar");
  await ada.page.locator("#join-name").fill(`${room}-kitchen`);
  await ada.page.locator("#join-form button").tap();
  await ada.seesNo("#joined-rooms");
  await ada.sees("#room-title", "Kitchen");
  await isInView(ada, "#composer");
  await ada.page.locator("#members-toggle").tap();
  await ada.sees("#member-list .name", ada.name);
  await ada.page.locator("#members-close").tap();
  const overflow = await ada.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.equal(overflow, 0, "nothing is wider than the screen");
}));

/** Wholly on the screen, and at rest. @param {import("./support/person.mjs").Person} person @param {string} selector */
async function isInView({ page }, selector) {
  await until(`${selector} to be in view`, async () => {
    const box = await page.locator(selector).boundingBox();
    const size = page.viewportSize();
    if (!box || !size || box.height === 0) return false;
    return box.x >= 0 && box.y >= 0 && box.x + box.width <= size.width && box.y + box.height <= size.height;
  });
}

test("whoever prefers the dark gets it", scene(server, async ({ person }) => {
  const ada = await person("Ada", { dark: true });
  const ben = await person("Ben");
  const dark = await ada.page.evaluate(lightness);
  const light = await ben.page.evaluate(lightness);
  assert.ok(dark.page < 60 && dark.text > 180, JSON.stringify(dark));
  assert.ok(light.page > 200 && light.text < 80, JSON.stringify(light));
}));

/** How light page and text are, from 0 to 255. It has to stand alone. */
function lightness() {
  const style = getComputedStyle(document.body);
  const mean = (/** @type {string} */ colour) =>
    (colour.match(/\d+/g) ?? []).slice(0, 3).reduce((sum, part) => sum + Number(part) / 3, 0);
  return { page: mean(style.backgroundColor), text: mean(style.color) };
}

test("a draft waits in its room", scene(server, async ({ person, room }) => {
  const ada = await person("Ada");
  await ada.types("Half a thou");
  await ada.joins(`${room}-other`);
  assert.equal(await ada.page.locator("#composer-text").inputValue(), "");
  await ada.page.locator(`#joined-rooms [data-room="${room}"] a`).click();
  await ada.page.reload();
  await ada.isIn();
  assert.equal(await ada.page.locator("#composer-text").inputValue(), "Half a thou");
}));

test("a keyboard that covers the page leaves the message box in view", scene(server, async ({ person }) => {
  // As on iOS, where only the visual viewport gets smaller.
  const ada = await person("Ada", { phone: true, prepare: standInForViewport });
  await ada.says("Last line");
  await ada.hears("Last line");
  await ada.page.evaluate(() => /** @type {any} */ (window).keyboard(336));
  await until("the message box above the keyboard", async () => {
    const box = await ada.page.locator("#composer").boundingBox();
    return box !== null && box.y > 0 && box.y + box.height <= 844 - 336;
  });
  const line = await ada.message("Last line").boundingBox();
  assert.ok(line && line.y + line.height <= 844 - 336, "the latest line is still in view");
  await ada.page.evaluate(() => /** @type {any} */ (window).keyboard(0));
  await until("the whole height again", async () => {
    const box = await ada.page.locator("#composer").boundingBox();
    return box !== null && box.y + box.height > 844 - 60;
  });
}));

/** It has to stand alone. */
function standInForViewport() {
  const viewport = Object.assign(new EventTarget(), { height: innerHeight, scale: 1, offsetTop: 0 });
  Object.defineProperty(window, "visualViewport", { value: viewport });
  Object.assign(window, {
    keyboard: (/** @type {number} */ height) => {
      viewport.height = innerHeight - height;
      viewport.dispatchEvent(new Event("resize"));
    },
  });
}

test("Enter that picks a word of an input method sends nothing", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  const field = ada.page.locator("#composer-text");
  await field.fill("\u306b\u307b\u3093");
  await field.dispatchEvent("keydown", { key: "Enter", isComposing: true });
  await field.dispatchEvent("keydown", { key: "Enter", keyCode: 229 });
  assert.deepEqual(await ada.texts(), []);
  await field.press("Enter");
  await ada.hears("\u306b\u307b\u3093");
}));

test("whoever wants less motion gets none", scene(server, async ({ person }) => {
  const ada = await person("Ada", { phone: true });
  await ada.page.emulateMedia({ reducedMotion: "reduce" });
  const moving = await ada.page.evaluate(() => [...document.querySelectorAll("*")]
    .filter((node) => !/^(0s)?$/.test(getComputedStyle(node).transitionDuration.split(", ").filter((each) => each !== "0s").join("")))
    .map((node) => node.outerHTML.slice(0, 80)));
  assert.deepEqual(moving, []);
}));

test("a room where nothing was said says what to do, and a name that is taken too", scene(server, async ({ person, room }) => {
  const ada = await person("Ada");
  await ada.sees("#history-note", `Nothing has been said in ${room} yet. Say hello, or send somebody the link`);
  const ben = await person("Ben");
  await ben.page.locator("#sign-out").click();
  await ben.page.locator("#sign-in-name").fill(ada.name);
  await ben.page.locator("#sign-in-form-button").click();
  await ben.sees("#sign-in-error", "Someone is using that name right now. Pick another one.");
}));

test("code and bold look like it, and stay the text that was written", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  const text = "Run `make **test**`, **now**:\n```\ncargo run\n```";
  await ada.says(text);
  await ada.sees("#messages code", "make **test**");
  await ada.sees("#messages strong", "now");
  await ada.sees("#messages code.block", "cargo run");
  assert.deepEqual(await ada.texts(), [text]);
  const shown = await ada.page.locator("#messages .text").innerText();
  assert.ok(!shown.includes("`") && shown.includes("make **test**"), shown);
}));
