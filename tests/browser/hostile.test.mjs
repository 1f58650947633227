// Messages that try to be something else: said, edited, answered, found, announced and half written, they stay text.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { HOSTILE, HOSTILE_NAMES } from "./support/corpus.mjs";
import { startInstance } from "./support/programs.mjs";
import { scene } from "./support/scene.mjs";
import { isUnharmed } from "./support/unharmed.mjs";
import { until } from "./support/until.mjs";
import { Voice } from "./support/voice.mjs";

/** @typedef {import("./support/person.mjs").Person} Person */

/** @type {import("./support/programs.mjs").Server} */
let instance;
const LIMITS = { HUBBUB__LIMITS__SENDS: "100000", HUBBUB__LIMITS__ROOM_SENDS: "100000" };
before(async () => void (instance = await startInstance({ env: LIMITS })));
after(() => instance?.end());
const server = () => instance;

/** A page begins with the latest 50 messages of a room, and in a tall window it draws more than twice as many rows as here
 * are. */
const PART = 38;
const PARTS = Array.from({ length: Math.ceil(HOSTILE.length / PART) }, (_, part) => HOSTILE.slice(part * PART, (part + 1) * PART));

test("the corpus is large, and no text is in it twice", () => {
  assert.ok(HOSTILE.length >= 200);
  assert.equal(new Set(HOSTILE).size, HOSTILE.length);
});

test("hostile messages are shown as they were written", scene(server, async ({ person, room }) => {
  const mallory = await Voice.of(instance.url, "Mallory");
  const ada = await person("Ada", { tall: true });
  for (const [index, part] of PARTS.entries()) {
    await mallory.says(`${room}-${index}`, ...part);
    await goes(ada, `${room}-${index}`);
    await showsExactly(ada, part);
    // And again while one is there, which takes the other way through the page: live, and read out to screen readers.
    const live = part.map((text) => `live ${text}`);
    await mallory.says(`${room}-${index}`, ...live);
    await showsExactly(ada, [...part, ...live]);
    await isUnharmed(ada, `part ${index}`);
  }
  assert.ok((await ada.page.locator("#announcer p").count()) > 0, "read out, too");
}));

test("one's own hostile messages are, too, while they are sent and afterwards", scene(server, async ({ person }) => {
  const ada = await person("Ada", { tall: true });
  const ben = await person("Ben", { tall: true });
  // What a text field takes as it is.
  const own = HOSTILE.filter((text, index) => index % 7 === 0 && text === text.trim() && !/[\0\r]/.test(text));
  assert.ok(own.length > 30);
  for (const text of own) await ada.says(text);
  await showsExactly(ada, own);
  await showsExactly(ben, own);
  for (const each of [ada, ben]) await isUnharmed(each);
}));

test("hostile edits, answers, quotes and reactions do nothing", scene(server, async ({ person, room }) => {
  const mallory = await Voice.of(instance.url, "Mallory the second");
  const ada = await person("Ada", { tall: true });
  const emoji = [...HOSTILE, ...HOSTILE_NAMES].filter((text) => Buffer.byteLength(text) <= 32 && !/[\s\p{C}]/u.test(text));
  assert.ok(emoji.length >= 20);
  for (const [index, part] of PARTS.entries()) {
    const where = `${room}-${index}`;
    await goes(ada, where);
    const targets = await mallory.says(where, ...part.map((_, number) => `Before ${number}`));
    await mallory.does(part.map((text, number) => ({ type: "edit", room: where, target: targets[number], text })));
    await mallory.does(part.map((text, number) => ({ type: "send", room: where, reply_to: targets[number], text: `re ${text}` })));
    const reacted = part.map((_, number) => emoji[(index * PART + number) % emoji.length]);
    await mallory.does(part.map((_, number) => ({ type: "react", room: where, target: targets[number], emoji: reacted[number], on: true })));
    await showsExactly(ada, [...part, ...part.map((text) => `re ${text}`)]);
    await until("all reactions", async () => (await ada.page.locator(".reaction").count()) >= part.length);
    assert.deepEqual(await ada.page.locator(".reaction .emoji").allTextContents(), reacted);
    assert.equal(await ada.page.locator(".quote").count(), part.length);
    await isUnharmed(ada, `part ${index}, live`);
    await goes(ada, where);
    await until("the latest", async () => (await ada.texts()).at(-1) === `re ${part.at(-1)}`);
    await isUnharmed(ada, `part ${index}, read back`);
  }
}));

test("what is found and what is looked for is text", scene(server, async ({ person, room }) => {
  const mallory = await Voice.of(instance.url, "Mallory the third");
  await mallory.says(room, ...HOSTILE);
  const ada = await person("Ada");
  await ada.page.locator("#search-toggle").click();
  await ada.page.locator("#search-text").fill("pwned");
  await ada.sees("#search-status", /^\d+\+? messages/);
  while (await ada.page.locator("#search-more").isVisible()) {
    const count = await results(ada);
    await ada.page.locator("#search-more").click();
    await until("more", async () => (await results(ada)) > count || (await ada.page.locator("#search-more").isHidden()));
    await ada.sees("#search-status", /^\d+\+? messages/);
  }
  assert.ok((await results(ada)) >= 200, `${await results(ada)} found`);
  await isUnharmed(ada, "all found");
  for (const query of HOSTILE.filter((text, index) => index % 30 === 0 && text.length <= 100)) {
    await ada.page.locator("#search-text").fill(query);
    await ada.page.keyboard.press("Enter");
    await ada.sees("#search-status", /messages?|[Nn]othing|[Nn]o /);
    await isUnharmed(ada, query);
  }
}));

/** Stands in for the desktop, which a browser without a screen has not. It has to stand alone. */
function watchDesktop() {
  /** @type {object[]} */
  const told = [];
  class Told {
    static permission = "granted";
    /** @param {string} title @param {{ body: string, icon: string }} options */
    constructor(title, { body, icon }) {
      told.push({ title, body, icon });
    }
    close() {}
  }
  Object.assign(window, { Notification: Told, told });
}

test("notifications hold text and the page's own icon", scene(server, async ({ person, room }) => {
  const mallory = await Voice.of(instance.url, "<b onclick=pwned=1>Mallory");
  const ada = await person("Ada", { prepare: watchDesktop });
  await ada.turns(true);
  for (const text of HOSTILE.filter((_, index) => index % 40 === 0)) {
    const called = `@${ada.name} ${text}`;
    await mallory.says(room, called);
    const body = called.length > 200 ? `${called.slice(0, 200)}…` : called;
    await until(text, () => ada.page.evaluate((said) => /** @type {any} */ (window).told.some((/** @type {any} */ each) => each.body === said), body));
  }
  const told = await ada.page.evaluate(() => /** @type {any} */ (window).told);
  for (const { title, icon } of told) {
    assert.ok(title.startsWith("<b onclick=pwned=1>Mallory · "), title);
    assert.match(icon, /^\/a\/[0-9a-f]+\/icon\.svg$/);
  }
  await isUnharmed(ada);
}));

test("drafts come back as they were", scene(server, async ({ person, room }) => {
  const ada = await person("Ada");
  for (const text of HOSTILE.filter((each, index) => index % 45 === 0 && !/[\0\r]/.test(each))) {
    await ada.page.locator("#composer-text").fill(text);
    await ada.joins(`${room}-other`);
    await ada.page.locator(`#joined-rooms [data-room="${room}"] a`).click();
    await ada.page.reload();
    await ada.isIn();
    assert.equal(await ada.page.locator("#composer-text").inputValue(), text);
    await isUnharmed(ada, text);
  }
}));

test("a breach of the policy fails its test, also of a page that was left or closed", async () => {
  const planted = scene(server, async ({ person, secondTab }) => {
    const ada = await person("Ada");
    await plants(ada, "first");
    await goes(ada, "lobby");
    const tab = await secondTab(ada);
    await plants(tab, "second");
    await tab.page.close();
  });
  await assert.rejects(planted(), (/** @type {any} */ { actual }) => {
    for (const name of ["first", "second"]) {
      assert.ok(actual.some((/** @type {string} */ fault) => /against the page's policy.* img-src/.test(fault) && fault.includes(`${name}.invalid`)), `${name}: ${actual}`);
    }
    return true;
  });
});

/** Asks for a picture of somebody else's. @param {Person} person @param {string} host */
async function plants({ page }, host) {
  await page.evaluate((name) => new Promise((resolve) => {
    document.addEventListener("securitypolicyviolation", () => resolve(null), { once: true });
    new Image().src = `https://${name}.invalid/planted.png`;
  }), host);
}

/** @param {Person} person @param {string} room */
async function goes(person, room) {
  await person.page.goto(`${person.url}/r/${room}`);
  await person.isIn();
}

/** @param {Person} person @param {string[]} expected */
async function showsExactly(person, expected) {
  await until("all texts", async () => (await person.texts()).length >= expected.length).catch(() => {});
  assert.deepEqual(await person.texts(), expected);
}

/** @param {Person} person */
function results({ page }) {
  return page.locator("#search-results .found").count();
}
