// Rooms for those who were invited, and conversations of two: made by one, found by the others, closed to the rest.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startCluster } from "./support/programs.mjs";
import { scene } from "./support/scene.mjs";
import { onlyOnce } from "./support/transport.mjs";
import { until } from "./support/until.mjs";

/** @typedef {import("./support/person.mjs").Person} Person */

/** @type {import("./support/programs.mjs").Server} */
let cluster;
before(async () => void (cluster = await startCluster({ env: { HUBBUB__LIMITS__SENDS: "1000" } })));
after(() => cluster?.end());
const server = () => cluster;

/** Makes a private room and is in it. @param {Person} person @param {string} title @param {string} names */
async function makes(person, title, names) {
  const { page } = person;
  await page.locator("#create-open").click();
  await page.locator("#create-title").fill(title);
  await page.locator("#create-people").fill(names);
  await page.locator("#create-button").click();
  await person.sees("#room-title", title);
  await person.isIn();
}

/** Opens a room of the sidebar by its title. @param {Person} person @param {string} list @param {string} title */
async function opens(person, list, title) {
  await person.page.locator(`${list} a`, { hasText: title }).click();
  await person.isIn();
}

test("a private room is there for those invited, and for nobody else", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  const eve = await person("Eve");
  await makes(ada, "Surprise", ben.name);
  await ada.says("Cake for Eve on Friday");
  await ben.sees("#private-rooms .name", "Surprise");
  // The invitation is news, as is what was said.
  await ben.sees("#private-rooms .badge", /^@ 2$/);
  // Whoever comes when all of it was said counts as exactly: the room begins with it.
  await ben.page.reload();
  await ben.isIn();
  await ben.sees("#private-rooms .badge", /^@ 2$/);
  await opens(ben, "#private-rooms", "Surprise");
  await ben.hasHeardExactly(["Cake for Eve on Friday"]);
  await ben.says("I bring candles");
  await ada.hears("I bring candles");
  await eve.page.goto(ben.page.url());
  await eve.sees(".remark-text", "This room is private or gone: ask somebody in it to invite you.");
  await eve.sees("#room-title", "Private room");
  assert.ok(!(await eve.page.content()).includes("Cake"));
  await ben.page.reload();
  await ben.isIn();
  await ben.hasHeardExactly(["Cake for Eve on Friday", "I bring candles"]);
}));

test("a room whose answer was lost is made once, however often its form is sent", onlyOnce("it is a frame of a WebSocket that is lost on its way"), scene(server, async ({ person }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  let lost = 0;
  await ada.page.routeWebSocket(/\/ws$/, (socket) => {
    socket.connectToServer().onMessage((frame) => {
      const answer = JSON.parse(String(frame));
      const isLost = answer.type === "created" && (lost += 1) <= 2;
      socket.send(isLost ? JSON.stringify({ type: "error", id: answer.id, code: "timeout", message: "" }) : frame);
    });
  });
  await ada.page.reload();
  await ada.isIn();
  await ada.page.locator("#create-open").click();
  await ada.page.locator("#create-title").fill("Plans");
  await ada.page.locator("#create-people").fill(ben.name);
  for (let attempt = 1; attempt <= 2; attempt += 1) {
    await ada.page.locator("#create-button").click();
    await ada.sees("#create-problem", "That did not work. Try again in a moment.");
    await until("the answer", () => lost === attempt);
  }
  await ada.page.locator("#create-button").click();
  await ada.sees("#room-title", "Plans");
  await ada.isIn();
  await ada.says("There is one of it");
  await opens(ben, "#private-rooms", "Plans");
  await ben.hears("There is one of it");
  for (const each of [ada, ben]) assert.equal(await each.page.locator("#private-rooms li").count(), 1);
  // The next one is another room, though it is called the same.
  await makes(ada, "Plans", ben.name);
  await until("a second room", async () => (await ben.page.locator("#private-rooms li").count()) === 2);
}));

test("the sign of an invitation outlives a reload, until one looks in any tab", scene(server, async ({ person, secondTab, room }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  const tab = await secondTab(ben);
  await makes(ada, "Plans", ben.name);
  for (const each of [ben, tab]) await each.sees("#private-rooms .badge.calls", /^@ 1$/);
  await ben.page.reload();
  await ben.isIn();
  await ben.sees("#private-rooms .badge.calls", /^@ 1$/);
  // Nothing was said there, so no position in it tells that somebody looked.
  await opens(tab, "#private-rooms", "Plans");
  for (const each of [ben, tab]) await each.seesNo("#private-rooms .badge");
  await ben.page.reload();
  await ben.isIn();
  await ben.sees("#private-rooms .name", "Plans");
  await ben.seesNo("#private-rooms .badge");
  await ada.page.locator(`#joined-rooms [data-room="${room}"] a`).click();
  await ada.page.reload();
  await ada.isIn();
  await ada.seesNo("#private-rooms .badge");
}));

test("somebody is invited by name, and leaves for good", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  await makes(ada, "Plans", "");
  await ada.says("Before Ben");
  await ada.page.locator("#invite-name").fill("Nobody at all");
  await ada.page.locator("#invite-form button").click();
  await ada.sees("#invite-told", "Nobody is called Nobody at all.");
  await ada.page.locator("#invite-name").fill(ben.name);
  await ada.page.locator("#invite-form button").click();
  await ada.sees("#invite-told", `${ben.name} is in.`);
  await ada.sees(".remark-text", `${ada.name} invited ${ben.name}.`);
  await ben.sees("#private-rooms .name", "Plans");
  await opens(ben, "#private-rooms", "Plans");
  await ben.hears("Before Ben");
  await ben.page.locator("#forget").click();
  await ben.sees("#forget.armed", "Really leave for good?");
  await ben.page.locator("#forget").click();
  await ben.seesNo("#private-rooms .name", "Plans");
  await ada.sees(".remark-text", `${ben.name} left for good.`);
  await ben.page.reload();
  await ben.isIn();
  await ben.seesNo("#private-rooms .name", "Plans");
}));

test("a person is written to alone, from the list of people or from their name", scene(server, async ({ person, room }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  await ada.seesPeople(2);
  await ada.page.locator("#member-list .name", { hasText: ben.name }).click();
  await ada.page.locator("dialog .direct").click();
  await ada.sees("#room-title", ben.name);
  await ada.isIn();
  await ada.says("Between us");
  await ben.sees("#direct-rooms .name", ada.name);
  await ben.sees("#direct-rooms .badge", "1");
  await opens(ben, "#direct-rooms", ada.name);
  await ben.hasHeardExactly(["Between us"]);
  await ben.says("Of course");
  await ada.hears("Of course");
  // The same room from the other side, by the author's name of a message in public.
  await ben.page.locator(`#joined-rooms [data-room="${room}"] a`).click();
  await ada.page.locator(`#joined-rooms [data-room="${room}"] a`).click();
  await ada.says("In public");
  await ben.hears("In public");
  await ben.page.locator("#messages .author", { hasText: ada.name }).click();
  await ben.page.locator("dialog .direct").click();
  await ben.sees("#room-title", ada.name);
  await ben.hasHeardExactly(["Between us", "Of course"]);
  assert.equal(await ben.page.locator("#direct-rooms li").count(), 1);
  await ben.page.reload();
  await ben.isIn();
  await ben.sees("#room-title", ada.name);
}));

test("private rooms follow one to another page of one's own", scene(server, async ({ person, secondTab }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  const tab = await secondTab(ada);
  await makes(ada, "Notes", ben.name);
  await tab.sees("#private-rooms .name", "Notes");
  await ada.page.bringToFront();
  await ada.page.locator("#forget").click();
  await ada.page.locator("#forget").click();
  await tab.seesNo("#private-rooms .name", "Notes");
  await ben.sees("#private-rooms .name", "Notes");
}));
