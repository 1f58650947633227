// Leaving: a room, a tab for another one, a session. What was left behind stays there, and what was not is not lost.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { act } from "./support/deeds.mjs";
import { administer, startCluster } from "./support/programs.mjs";
import { launchBrowser, scene } from "./support/scene.mjs";
import { endsSession } from "./support/session.mjs";
import { POLLS } from "./support/transport.mjs";
import { until } from "./support/until.mjs";

/** @typedef {import("./support/person.mjs").Person} Person */

/** @type {import("./support/programs.mjs").Server} */
let cluster;
// Whoever is gone within a test is gone at once, and not after a grace.
before(async () => void (cluster = await startCluster({ env: { HUBBUB__LIMITS__SENDS: "1000", HUBBUB__TIMING__GRACE: "60s" } })));
after(() => cluster?.end());
const server = () => cluster;

/** @param {Person} person */
const draft = ({ page }) => page.locator("#composer-text").inputValue();

/** What the browser keeps under such names. @param {Person} person @param {string} begin */
const kept = ({ page }, begin) =>
  page.evaluate((name) => Object.entries(localStorage).filter(([key]) => key.startsWith(`hubbub:${name}`)).map(String), begin);

/** All of it: between two keys a part may be kept. @param {Person} person @param {string} text */
const keeps = (person, text) =>
  until(`the draft "${text}" to be kept`, async () => (await kept(person, "draft:")).some((entry) => entry.endsWith(`,"${text}"`)));

/** @param {Person} person @param {string} room */
const shows = (person, room) => person.page.locator(`#joined-rooms [data-room="${room}"] a`).click();

/** Presses twice, as the page asks once because of what would be lost. @param {Person} person @param {RegExp} question */
async function signsOut(person, question) {
  const leave = person.page.locator("#sign-out");
  await leave.click();
  await person.sees("#sign-out-question", question);
  await leave.and(person.page.locator(".armed")).click();
}

/** Makes a private room and is in it. @param {Person} person @param {string} title */
async function makesPrivate(person, title) {
  await person.page.locator("#create-open").click();
  await person.page.locator("#create-title").fill(title);
  await person.page.locator("#create-button").click();
  await person.sees("#room-title", title);
}

test("a draft outlives what another tab sends in the same room", scene(server, async ({ person, secondTab, room }) => {
  const ada = await person("Ada");
  const tab = await secondTab(ada);
  await tab.types("A long and precious draft");
  await keeps(tab, "A long and precious draft");
  await ada.says("Short");
  await tab.hears("Short");
  await tab.joins(`${room}-b`);
  await shows(tab, room);
  assert.equal(await draft(tab), "A long and precious draft");
  await tab.page.reload();
  await tab.isIn();
  assert.equal(await draft(tab), "A long and precious draft");
}));

test("a draft that one tab has sent is not offered by another", scene(server, async ({ person, secondTab }) => {
  const ada = await person("Ada");
  await ada.types("Once");
  await keeps(ada, "Once");
  const tab = await secondTab(ada);
  assert.equal(await draft(tab), "Once");
  await ada.page.locator("#composer-send").click();
  await tab.hears("Once");
  await until("an empty box", async () => (await draft(tab)) === "");
  await tab.page.reload();
  await tab.isIn();
  assert.equal(await draft(tab), "");
}));

test("going back does not lead into a room one has left", scene(server, async ({ person, room }) => {
  const ada = await person("Ada");
  await ada.joins(`${room}-b`);
  await ada.leaves(`${room}-b`);
  await ada.sees("#room-title", new RegExp(`^${room}$`));
  await ada.page.goBack();
  await ada.isDrawn();
  await ada.sees("#room-title", new RegExp(`^${room}$`));
  await ada.seesNo(`#joined-rooms [data-room="${room}-b"]`);
}));

test("going back does not lead into a private room one has left for good", scene(server, async ({ person, room }) => {
  const ada = await person("Ada");
  await makesPrivate(ada, "Plans");
  await shows(ada, room);
  await ada.sees("#room-title", new RegExp(`^${room}$`));
  await ada.page.locator("#private-rooms a").click();
  await ada.page.locator("#forget").click();
  await ada.page.locator("#forget").click();
  await ada.seesNo("#private-rooms li");
  // Over the room of before to the private one.
  await ada.page.goBack();
  await ada.page.goBack();
  await until("an address of a room one is in", () => ada.page.url().endsWith(`/r/${room}`));
  await ada.sees("#room-title", new RegExp(`^${room}$`));
  await ada.seesNo("#private-rooms li");
}));

test("a room one has left does not come back with what could not be sent there", scene(server, async ({ person, room }) => {
  const ada = await person("Ada");
  const other = `${room}-b`;
  await ada.joins(other);
  await ada.says("Before");
  await ada.hears("Before");
  await administer(cluster, "DELETE", `rooms/${other}`);
  await ada.sees("#messages", "This room was closed.");
  await ada.says("Too late");
  await ada.sees(".failed .text", "Too late");
  await ada.leaves(other);
  await ada.sees("#room-title", new RegExp(`^${room}$`));
  assert.deepEqual(await kept(ada, "unsent:"), []);
  await ada.page.reload();
  await ada.isIn();
  await ada.seesNo(`[data-room="${other}"]`);
}));

test("what failed is sent again by one tab only", scene(server, async ({ person, secondTab, room }) => {
  const ada = await person("Ada");
  await ada.page.evaluate((name) => {
    const id = JSON.parse(localStorage.getItem("hubbub:user") ?? "").id;
    const item = {
      room: name, key: "kk", text: "Once", deed: { kind: "send" }, at: Date.now() - 9 * 60_000, order: 1, after: null, tried: true,
      failed: true, why: "unknown",
    };
    localStorage.setItem(`hubbub:unsent:${id}:kk`, JSON.stringify(item));
  }, room);
  await ada.page.reload();
  await ada.sees(".failed .text", "Once");
  const tab = await secondTab(ada);
  await tab.sees(".failed .text", "Once");
  await ada.page.locator("#messages .retry:visible").click();
  await tab.hears("Once");
  await tab.seesNo(".failed");
  await tab.hasHeardExactly(["Once"]);
}));

test("a session that ends while a dialog is open leads to a form one can use", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  await ada.page.locator("#settings-open").click();
  await ada.sees("dialog h2", "Settings");
  await endsSession(cluster, ada);
  await ada.sees("#sign-in-note", /nothing you wrote is lost\.$/);
  await ada.seesNo("dialog");
  await ada.page.locator("#sign-in-form-button").click();
  await ada.isIn();
}));

test("whoever would lose something by signing out is asked first, and whoever would not is not", scene(server, async ({ person, secondTab, room }) => {
  const ada = await person("Ada");
  const leave = ada.page.locator("#sign-out");
  await makesPrivate(ada, "Plans");
  await leave.click();
  await ada.sees("#sign-out-question[role=alert]", /^Sign out\? You will not get back into your private rooms and direct messages\.$/);
  assert.equal(await leave.getAttribute("aria-describedby"), "sign-out-question");
  await ada.page.keyboard.press("Escape");
  await ada.seesNo("#sign-out-question");
  await leave.click();
  await ada.page.locator("#composer-text").click();
  await ada.seesNo("#sign-out-question");
  // Written in another tab, it would be lost all the same.
  const tab = await secondTab(ada);
  await tab.types("A draft");
  await keeps(ada, "A draft");
  await leave.click();
  await ada.sees("#sign-out-question", /direct messages\. What you have not sent is lost\.$/);
  await ada.page.keyboard.press("Escape");
  await tab.page.locator("#composer-text").fill("");
  await until("no draft", async () => (await kept(ada, "draft:")).length === 0);
  await ada.page.locator("#forget").click();
  await ada.page.locator("#forget").click();
  await ada.seesNo("#private-rooms li");
  await shows(ada, room);
  await leave.click();
  await ada.sees("#sign-in-note", "Pick a name and start talking.");
}));

test("a double click asks, and does not answer, also where buttons that are clicked get no focus", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  const leave = ada.page.locator("#sign-out");
  await ada.types("A draft");
  await leave.dblclick();
  await ada.sees("#sign-out-question", /What you have not sent is lost\.$/);
  await ada.page.keyboard.press("Escape");
  await ada.seesNo("#sign-out-question");
  // As Safari does: a press on a button takes the focus away, from this button, too.
  await ada.page.evaluate(() => document.addEventListener("mousedown", (event) => {
    if (event.defaultPrevented || !(event.target instanceof Element) || !event.target.closest("button")) return;
    event.preventDefault();
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
  }));
  await leave.click();
  await ada.sees("#sign-out-question", /What you have not sent is lost\.$/);
  await ada.page.locator("#composer-text").click();
  await ada.seesNo("#sign-out-question");
  assert.equal(await draft(ada), "A draft");
  await signsOut(ada, /What you have not sent is lost\.$/);
  await ada.sees("#sign-in-note", "Pick a name and start talking.");
}));

test("signing out in one tab leaves nothing in another one", scene(server, async ({ person, secondTab }) => {
  const ada = await person("Ada");
  const tab = await secondTab(ada);
  await tab.types("A secret draft");
  await keeps(ada, "A secret draft");
  await signsOut(ada, /What you have not sent is lost\./);
  await tab.sees("#sign-in-note", "Pick a name and start talking.");
  assert.equal(await draft(tab), "");
  assert.deepEqual(await kept(tab, "draft:"), []);
}));

test("others see at once who signs out, and not yet who lost the network", scene(server, async ({ person, wire }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  const network = await wire();
  const cy = await person("Cy", { wire: network });
  for (const each of [ben, cy]) await ada.sees("#member-list .name", each.name);
  network.cut();
  await ben.page.locator("#sign-out").click();
  await ada.seesNo("#member-list .name", ben.name);
  await ada.sees("#member-list .name", cy.name);
  await ben.sees("#sign-in-note", "Pick a name");
}));

test("who signs out is gone with a tab that is out of sight, too", scene(server, async ({ person, secondTab }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  await ada.sees("#member-list .name", ben.name);
  const tab = await secondTab(ben);
  await tab.page.evaluate(() => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  let pauses = !POLLS;
  tab.page.on("requestfinished", (request) => void (pauses ||= request.url().endsWith("/api/v1/poll")));
  // A page out of sight asks once more then; it gets its answer at once, and asks again only after a while.
  await tab.page.evaluate(() => void dispatchEvent(new Event("online")));
  await until("a pause between polls", () => pauses);
  await ben.page.locator("#sign-out").click();
  await ada.seesNo("#member-list .name", ben.name);
  for (const each of [ben, tab]) await each.sees("#sign-in-note", "Pick a name");
}));

test("going back after signing out leads to the form, also where the browser keeps pages", scene(server, async ({ person, room }) => {
  // As people have it; playwright turns it off.
  const browser = await launchBrowser({ ignoreDefaultArgs: ["--disable-back-forward-cache"] });
  try {
    const ada = await person("Ada", { browser });
    await ada.says("Secret");
    await ada.hears("Secret");
    await ada.joins(`${room}-b`);
    await ada.page.locator("#sign-out").click();
    await ada.sees("#sign-in-note", "Pick a name and start talking.");
    await ada.page.goBack({ waitUntil: "commit" });
    await ada.page.waitForURL(`**/r/${room}`);
    await ada.sees("#sign-in-note", "Pick a name and start talking.");
    await ada.seesNo("#app");
    assert.deepEqual(await ada.texts(), []);
  } finally {
    await browser.close();
  }
}));

test("whoever had private rooms is told what becomes of them when their session ends", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  await makesPrivate(ada, "Plans");
  await endsSession(cluster, ada);
  await ada.sees("#sign-in-note", "with the same name");
  await ada.sees("#sign-in-note", /nothing you wrote is lost\. For your private rooms you may need a new invitation\.$/);
  await ada.page.locator("#sign-in-form-button").click();
  await ada.sees(".remark-text", "This room is private or gone: ask somebody in it to invite you.");
}));

test("what two tabs wrote is in the draft of both when the session has ended, and after", scene(server, async ({ person, secondTab }) => {
  const ada = await person("Ada");
  await ada.says("Tea, please");
  await ada.hears("Tea, please");
  const tab = await secondTab(ada);
  await tab.types("And bread");
  await act(ada, "Tea, please", "edit");
  await ada.page.locator(".editor textarea").fill("Soup, please");
  for (const text of ["And bread", "Soup, please"]) await keeps(ada, text);
  await endsSession(cluster, ada);
  for (const each of [ada, tab]) await each.sees("#sign-in-note", "nothing you wrote is lost");
  await ada.page.locator("#sign-in-form-button").click();
  // The other tab comes along by itself.
  for (const each of [ada, tab]) {
    await each.isIn();
    await until("the whole draft", async () => (await draft(each)) === "And bread\nSoup, please");
  }
  await tab.page.locator("#composer-text").press("End");
  await tab.types(".");
  await until("it to be kept", async () => (await kept(tab, "draft:")).some((item) => item.includes("Soup, please.")));
}));

test("what was being changed is in the draft, also where another tab is in first", scene(server, async ({ person, secondTab }) => {
  const ada = await person("Ada");
  await ada.says("Tea, please");
  await ada.hears("Tea, please");
  const tab = await secondTab(ada);
  await act(ada, "Tea, please", "edit");
  await ada.page.locator(".editor textarea").fill("Soup, please");
  await until("it to be kept", async () => (await kept(ada, "draft:")).length === 1);
  await endsSession(cluster, ada);
  for (const each of [ada, tab]) await each.sees("#sign-in-note", "nothing you wrote is lost");
  // The answer is under way for so long that the other tab has found out by itself.
  await ada.page.route("**/api/v1/session", async (route) => {
    const response = await route.fetch();
    if (route.request().method() === "POST") await tab.isIn();
    await route.fulfill({ response });
  });
  await ada.page.locator("#sign-in-form-button").click();
  for (const each of [tab, ada]) {
    await each.isIn();
    await until("the draft", async () => (await draft(each)) === "Soup, please");
  }
  // She may have found out by herself, too, before her answer came.
  await ada.page.unrouteAll({ behavior: "wait" });
}));

test("tabs that sign in one after the other stay in together", scene(server, async ({ person, secondTab }) => {
  const ada = await person("Ada");
  const tab = await secondTab(ada);
  const how = POLLS ? "long-poll" : "websocket";
  // The word about a greeting may come after its effects.
  for (const each of [ada, tab]) await each.isGreetedBy(how);
  // As from a form that was still open: it ends the session that both have.
  const status = await tab.page.evaluate(async (name) => {
    const headers = { "content-type": "application/json" };
    return (await fetch("/api/v1/session", { method: "POST", headers, body: JSON.stringify({ name }) })).status;
  }, ada.name);
  assert.equal(status, 201);
  for (const each of [ada, tab]) await each.isGreetedBy(how);
  await tab.says("Both of me");
  await ada.hears("Both of me");
  await ada.says("Indeed");
  await tab.hears("Indeed");
  for (const each of [ada, tab]) await each.seesNo("#sign-in-note");
}));

test("what was being written when the session ended is there, also where nothing can be kept", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  await ada.page.evaluate(() => {
    Storage.prototype.setItem = () => {
      throw new Error("full");
    };
  });
  await ada.types("A long thought");
  await endsSession(cluster, ada);
  await ada.sees("#sign-in-note", "with the same name");
  await ada.page.locator("#sign-in-form-button").click();
  await ada.isIn();
  assert.equal(await draft(ada), "A long thought");
}));

test("a change that was half made outlives a reload, and is a draft when the session has ended", scene(server, async ({ person, secondTab }) => {
  const ada = await person("Ada");
  await ada.says("Tea, please");
  await ada.hears("Tea, please");
  await act(ada, "Tea, please", "edit");
  await ada.page.locator(".editor textarea").fill("Soup, please");
  await ada.page.reload();
  await ada.hears("Tea, please");
  await act(ada, "Tea, please", "edit");
  assert.equal(await ada.page.locator(".editor textarea").inputValue(), "Soup, please");
  const tab = await secondTab(ada);
  await tab.page.locator("#sign-out").click();
  await tab.sees("#sign-out-question", "What you have not sent is lost.");
  await tab.page.close();
  await ada.page.locator("#composer-text").fill("And bread");
  for (const text of ["And bread", "Soup, please"]) await keeps(ada, text);
  await endsSession(cluster, ada);
  await ada.sees("#sign-in-note", "nothing you wrote is lost");
  await ada.page.locator("#sign-in-form-button").click();
  await ada.isIn();
  assert.equal(await draft(ada), "And bread\nSoup, please");
  assert.equal((await kept(ada, "draft:")).length, 1);
}));

/** Leaves the page with one text that never went out and one that may have, and comes back when the session is over.
 * @param {Person} ada @param {import("./support/wire.mjs").Wire} network @param {string} room */
async function returnsTooLate(ada, network, room) {
  await ada.isIn();
  network.deafen();
  await ada.says("Perhaps");
  await until("it to be on its way", async () => (await kept(ada, "unsent:")).some((item) => item.includes('"tried":true')));
  network.cut();
  // What is said before the page knows may count as sent.
  await ada.page.locator("#strip:not([data-state=up], [data-state=slow])").waitFor({ state: "attached" });
  await shows(ada, room);
  await ada.says("Not yet");
  await ada.sees(".pending .text", "Not yet");
  await ada.types("A draft");
  await keeps(ada, "A draft");
  await until("all to be kept", async () => (await kept(ada, "unsent:")).length === 2);
  await endsSession(cluster, ada);
  await ada.page.goto("about:blank");
  network.mend();
  await ada.page.goto(`${ada.url}/r/${room}`);
}

test("what was unsent when the session ended is there after a reload, for the same name", scene(server, async ({ person, wire, room }) => {
  const network = await wire();
  const ada = await person("Ada", { wire: network });
  await makesPrivate(ada, "Plans");
  await ada.joins(`${room}-b`);
  await returnsTooLate(ada, network, room);
  const words = /^Your session has ended\..*nothing you wrote is lost\. For your private rooms you may need a new invitation\.$/;
  await ada.sees("#sign-in-note", words);
  // Once it is known, nobody is asked.
  await ada.page.reload();
  await ada.sees("#sign-in-note", words);
  assert.equal(await ada.page.locator("#sign-in-name").inputValue(), ada.name);
  await ada.page.locator("#sign-in-form-button").click();
  await ada.hears("Not yet");
  assert.equal(await draft(ada), "A draft");
  await shows(ada, `${room}-b`);
  await ada.sees(".failed .text", "Perhaps");
  await ada.seesNo("#private-rooms li");
  assert.equal((await kept(ada, "rooms:")).length, 1);
  assert.equal((await kept(ada, "unsent:")).length, 1);
}));

test("whoever comes after a session that ended, under another name, gets nothing of it", scene(server, async ({ person, wire, room }) => {
  const network = await wire();
  const ada = await person("Ada", { wire: network });
  await ada.joins(`${room}-b`);
  await returnsTooLate(ada, network, room);
  await ada.page.locator("#sign-in-name").fill(`Eve of ${room}`);
  await ada.page.locator("#sign-in-form-button").click();
  await ada.isIn();
  await ada.sees("#me-name", /^Eve/);
  assert.equal(await draft(ada), "");
  assert.deepEqual([...(await kept(ada, "unsent:")), ...(await kept(ada, "draft:"))], []);
  await ada.seesNo(`#joined-rooms [data-room="${room}-b"]`);
  await ada.hasHeardExactly([]);
  // Without a reload, too.
  await ada.types("Eve's draft");
  await keeps(ada, "Eve's draft");
  await endsSession(cluster, ada);
  await ada.page.locator("#sign-in-name").fill(`Mal of ${room}`);
  await ada.page.locator("#sign-in-form-button").click();
  await ada.sees("#me-name", /^Mal/);
  await ada.isIn();
  assert.equal(await draft(ada), "");
  assert.deepEqual(await kept(ada, "draft:"), []);
}));

test("whoever cannot be signed out stays, is told so, and leaves nothing behind the next time", scene(server, async ({ person, wire, room }) => {
  const network = await wire();
  const ada = await person("Ada", { wire: network });
  network.cut();
  await ada.says("Unsent");
  await ada.sees(".pending .text", "Unsent");
  await ada.types("A draft");
  await signsOut(ada, /^Sign out\? What you have not sent is lost\.$/);
  await ada.sees("#notice-text", "You are still signed in");
  await ada.sees(".pending .text", "Unsent");
  assert.equal(await draft(ada), "A draft");
  await ada.returns(network);
  await ada.hears("Unsent");
  await administer(cluster, "DELETE", `rooms/${room}`);
  await ada.sees("#messages", "This room was closed.");
  await ada.page.locator("#composer-text").fill("A secret that was not sent");
  await ada.page.locator("#composer-send").click();
  await ada.sees(".failed .text", "A secret that was not sent");
  await ada.types("A secret draft");
  await signsOut(ada, /^Sign out\? What you have not sent is lost\.$/);
  await ada.page.locator("#sign-in-name").waitFor();
  const left = await kept(ada, "");
  assert.ok(!left.some((entry) => /secret|hubbub:(user|rooms|read|unsent|draft)\b/.test(entry)), left.join("\n"));
}));

test("while the store is away a reload shows the page as it was, and a first look says what is the matter", scene(server, async ({ person, room }) => {
  const ada = await person("Ada");
  let isAway = true;
  await ada.page.context().route("**/api/v1/session", (route) =>
    isAway ? route.fulfill({ status: 504, json: { error: { code: "unavailable", retry_after_ms: 500 } } }) : route.fallback());
  await ada.page.reload();
  await ada.sees("#room-title", new RegExp(`^${room}$`));
  await ada.page.evaluate(() => localStorage.removeItem("hubbub:user"));
  await ada.page.reload();
  await ada.sees("#starting", "The server cannot be reached. Trying again…");
  isAway = false;
  await ada.isIn();
  await ada.seesNo("#starting");
}));
