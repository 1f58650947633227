// Reading and writing on one screen: long histories, a phone, the dark.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { createRoom, startCluster } from "./support/programs.mjs";
import { scene } from "./support/scene.mjs";
import { scrollUpAndMeasure } from "./support/scroll.mjs";
import { onlyOnce } from "./support/transport.mjs";
import { until } from "./support/until.mjs";
import { Voice } from "./support/voice.mjs";

/** @type {import("./support/programs.mjs").Server} */
let cluster;
before(async () => void (cluster = await startCluster({ env: { HUBBUB__LIMITS__SENDS: "100000", HUBBUB__LIMITS__ROOM_SENDS: "100000" } })));
after(() => cluster?.end());
const server = () => cluster;
const alone = onlyOnce("nothing of it goes over the network");

test("earlier messages come when one scrolls up, and the line one reads stays where it is", scene(server, async ({ person, room }) => {
  const lines = Array.from({ length: 160 }, (_, index) => `Line ${index + 1}`);
  await (await Voice.of(cluster.url, "Chronicler")).says(room, ...lines);
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
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
  await ben.says("News");
  await ada.sees("#jump", "1 new message");
  await ada.page.locator("#jump").click();
  await ada.hears("News");
  await ada.seesNo("#jump");
}));

test("a conversation one follows lets go of its beginning, and one that is looked for is found all the same", scene(server, async ({ person, room }) => {
  const ada = await person("Ada");
  await ada.says("The first word");
  await ada.hears("The first word");
  await ada.page.locator("#messages .message").first().hover();
  await ada.page.locator("#action-reply").click();
  const ben = await Voice.of(cluster.url, `Ben of ${room}`);
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
  await createRoom(cluster, `${room}-kitchen`, "Kitchen");
  const ada = await person("Ada", { phone: true });
  const ben = await person("Ben", { elsewhere: ada });
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

test("whoever prefers the dark gets it", alone, scene(server, async ({ person }) => {
  const ada = await person("Ada", { dark: true });
  const ben = await person("Ben", { elsewhere: ada });
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

test("a keyboard that covers the page leaves the message box in view", alone, scene(server, async ({ person }) => {
  // As on iOS, where only the visual viewport gets smaller.
  const ada = await person("Ada", { phone: true, prepare: standInForViewport });
  await ada.says("Last line");
  await ada.hears("Last line");
  await ada.page.evaluate(() => /** @type {any} */ (window).keyboard(336));
  await until("the message box above the keyboard", async () => {
    const box = await ada.page.locator("#composer").boundingBox();
    return box !== null && box.y > 0 && box.y + box.height <= 844 - 336;
  });
  // The conversation goes to its end when the frame with its new height is drawn.
  await until("the latest line to be in view", async () => {
    const line = await ada.message("Last line").boundingBox();
    return line !== null && line.y > 0 && line.y + line.height <= 844 - 336;
  });
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

test("Enter that picks a word of an input method sends nothing", alone, scene(server, async ({ person }) => {
  const ada = await person("Ada");
  const field = ada.page.locator("#composer-text");
  await field.fill("\u306b\u307b\u3093");
  await field.dispatchEvent("keydown", { key: "Enter", isComposing: true });
  await field.dispatchEvent("keydown", { key: "Enter", keyCode: 229 });
  assert.deepEqual(await ada.texts(), []);
  await field.press("Enter");
  await ada.hears("\u306b\u307b\u3093");
}));

test("whoever wants less motion gets none", alone, scene(server, async ({ person }) => {
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
  const ben = await person("Ben", { elsewhere: ada });
  const text = "Run `make **test**`, **now**:\n```\ncargo run\n```\nhttps://example.org/a?b=c, then <b>rest</b>";
  await ben.says(text);
  await ada.sees("#messages code", "make **test**");
  await ada.sees("#messages strong", "now");
  await ada.sees("#messages code.block", "cargo run");
  assert.deepEqual(await ada.texts(), [text]);
  const shown = await ada.page.locator("#messages .text").innerText();
  assert.ok(!shown.includes("`") && shown.includes("make **test**") && shown.includes("<b>rest</b>"), shown);
  const link = ada.page.locator("#messages .text a");
  assert.equal(await link.getAttribute("href"), "https://example.org/a?b=c");
  assert.match((await link.getAttribute("rel")) ?? "", /noopener/);
}));

test("what one says in a row stands under one name, with a line above each day", scene(server, async ({ person }) => {
  // Five days pass with each message that begins with "Later", and six minutes with each other one.
  const ada = await person("Ada", { prepare: stretchTime });
  const ben = await person("Ben", { elsewhere: ada });
  for (const text of ["One", "Two soon", "Three", "Later four", "Five soon"]) await ben.says(text);
  await ben.hears("Five soon");
  await ada.says("Six soon");
  await ada.hears("Five soon", "Six soon");
  const rows = () => ada.page.locator("#messages > li").evaluateAll((all) => all.map((row) => ({
    text: row.querySelector(".text")?.textContent,
    named: (row.querySelector(".byline")?.checkVisibility() ?? false),
    day: row.querySelector(".day:not([hidden])")?.textContent ?? "",
  })));
  // What one said has its time from the message itself, which may come after the word that it is stored.
  const expected = [
    "Day: One (named)", "Two soon", "Three (named)", "Day: Later four (named)", "Five soon", "Six soon (named)",
  ];
  const lines = async () =>
    (await rows()).map(({ text, named, day }) => `${day && "Day: "}${text}${named ? " (named)" : ""}`);
  await until("each row as it is to be", async () => isDeepStrictEqual(await lines(), expected)).catch(() => {});
  assert.deepEqual(await lines(), expected);
  assert.match((await rows())[0]?.day ?? "", /^\w+day,? \d+ \w+$/, "a day of this year, as one says it");
}));

/** It has to stand alone. Both transports read what comes by JSON.parse. */
function stretchTime() {
  const parse = JSON.parse;
  /** What each text was given, so that it keeps its time. @type {Map<string, number>} */
  const times = new Map();
  // From noon on, as no day may end among what is said in a row.
  let clock = new Date().setHours(12, 0, 0, 0) - 20 * 86_400_000;
  JSON.parse = (text, reviver) => parse(text, function (name, value) {
    const said = typeof value?.text === "string" && typeof value.at === "number" ? value.text : null;
    if (said !== null) {
      if (!times.has(said)) times.set(said, (clock += said.startsWith("Later") ? 5 * 86_400_000 : said.endsWith("soon") ? 60_000 : 360_000));
      value.at = times.get(said);
    }
    return reviver ? reviver.call(this, name, value) : value;
  });
}

test("the page itself does not move, however long the lists in it are", scene(server, async ({ person, room }) => {
  const voice = await Voice.of(server().url, `Founder of ${room}`);
  for (let index = 0; index < 30; index += 1) await voice.says(`${room}-${index}`, `Room ${index} has something to say`);
  await voice.says(room, "Where it began");
  const ada = await person("Ada");
  const { page } = ada;
  await page.locator("#other-rooms a").nth(25).waitFor();
  const overhang = await page.evaluate(() => {
    const root = document.documentElement;
    root.scrollTop = 1_000;
    return Math.max(root.scrollTop, root.scrollHeight - innerHeight);
  });
  assert.equal(overhang, 0);
}));
