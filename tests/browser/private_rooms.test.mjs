// Rooms for those who were invited, and conversations of two: made by one, found by the others, closed to the rest.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { administer, startCluster } from "./support/programs.mjs";
import { scene } from "./support/scene.mjs";
import { endsSession } from "./support/session.mjs";
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
  // Nothing was said there: all that can have been read is the invitation.
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

test("the words about an invitation lead into the room, and go where one has looked in another tab", scene(server, async ({ person, secondTab }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  const tab = await secondTab(ben);
  await makes(ada, "Plans", ben.name);
  for (const each of [ben, tab]) await each.sees("#notice-text", `${ada.name} invited you to Plans.`);
  await tab.page.locator("#notice-open").click();
  await tab.sees("#room-title", "Plans");
  for (const each of [ben, tab]) await each.seesNo("#notice");
  await tab.says("Here I am");
  await ada.hears("Here I am");
  await administer(cluster, "POST", "notice", { text: "Back in five minutes" });
  await ben.sees("#notice-text", "Back in five minutes");
  await ben.seesNo("#notice-open");
  await ben.page.locator("#notice-close").click();
  await ben.seesNo("#notice");
}));

test("a room of one's own is no invitation, on none of one's pages", scene(server, async ({ person, secondTab, room }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  const tab = await secondTab(ada);
  await makes(ada, "Plans", "");
  await ada.page.locator("#invite-name").fill(ben.name);
  await ada.page.locator("#invite-form button").click();
  await ada.sees(".remark-text", `${ada.name} invited ${ben.name}.`);
  await ben.sees("#private-rooms .badge.calls", /^@ 1$/);
  await tab.sees("#private-rooms .name", "Plans");
  await tab.seesNo("#private-rooms .badge");
  await ada.page.locator(`#joined-rooms [data-room="${room}"] a`).click();
  for (const each of [ada, tab]) {
    await each.page.reload();
    await each.isIn();
    await each.sees("#private-rooms .name", "Plans");
    await each.seesNo("#private-rooms .badge");
  }
}));

test("who left for good and is invited again is told so again", scene(server, async ({ person, room }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  await makes(ada, "Plans", ben.name);
  await opens(ben, "#private-rooms", "Plans");
  await ben.page.locator("#forget").click();
  await ben.page.locator("#forget.armed").click();
  await ben.seesNo("#private-rooms .name");
  await ben.page.goto("about:blank");
  await ada.page.locator("#invite-name").fill(ben.name);
  await ada.page.locator("#invite-form button").click();
  await ada.sees("#invite-told", `${ben.name} is in.`);
  await ben.page.goto(`${ada.url}/r/${room}`);
  await ben.isIn();
  await ben.sees("#private-rooms .badge.calls", /^@ 1$/);
}));

test("who is away when they are invited sees it when they are back", scene(server, async ({ person, room }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  await ben.page.goto("about:blank");
  await makes(ada, "Plans", ben.name);
  await ben.page.goto(`${ada.url}/r/${room}`);
  await ben.isIn();
  await ben.sees("#private-rooms .badge.calls", /^@ 1$/);
  await opens(ben, "#private-rooms", "Plans");
  await ben.seesNo("#private-rooms .badge");
}));

test("who has no connection when they are invited or written to sees it as soon as they have one again", scene(server, async ({ person, wire }) => {
  const network = await wire();
  const ada = await person("Ada");
  const ben = await person("Ben", { wire: network });
  network.cut();
  await ben.sees("#try-now", /./);
  await makes(ada, "Plans", ben.name);
  await ada.page.locator("#away-list button", { hasText: ben.name }).or(ada.page.locator("#member-list button", { hasText: ben.name })).first().click();
  await ada.page.locator("dialog .direct").click();
  await ada.sees("#room-title", ben.name);
  await ada.says("Are you there?");
  await ben.returns(network);
  await ben.sees("#private-rooms .name", "Plans");
  await ben.sees("#private-rooms .badge.calls", /^@ 1$/);
  await ben.sees("#direct-rooms .name", ada.name);
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

test("whoever is back after their session ended is told to write anew, and the other one that they are somebody else now", scene(server, async ({ person, room }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  await ada.seesPeople(2);
  await ben.says("Here I am");
  await ada.hears("Here I am");
  const writes = async () => {
    await ada.page.locator("#messages .author", { hasText: ben.name }).click();
    await ada.page.locator("dialog .direct").click();
    await ada.sees("#room-title", ben.name);
    await ada.isIn();
  };
  await writes();
  await ada.says("Between us");
  await opens(ben, "#direct-rooms", ada.name);
  await ben.hears("Between us");
  await ben.says("Of course");
  await ada.hears("Of course");
  await ben.seesNo(".namesake");

  await endsSession(cluster, ada);
  await ada.sees("#sign-in-note", "with the same name");
  await ada.page.locator("#sign-in-form-button").click();
  await ada.sees(".remark-text", `You are not in this conversation any more. To go on, write to ${ben.name} anew.`);
  await ada.sees("#direct-rooms .avatar", /^B/);
  const old = /** @type {string} */ (await ben.page.locator("#direct-rooms li").getAttribute("data-room"));
  await ben.sees("#namesake", `There is another ${ada.name} now, who does not read this conversation.`);
  await ben.sees(".namesake .name", ada.name);
  await ada.page.reload();
  await ada.sees(".remark-text", "You are neither of the two people of this conversation, or it is gone.");

  await ada.page.locator(`#joined-rooms [data-room="${room}"] a`).click();
  await writes();
  await ada.says("It is me");
  await ben.page.locator(`#direct-rooms li:not([data-room="${old}"]) a`).click();
  await ben.hears("It is me");
  await ben.seesNo("#namesake");
  const marked = await ben.page.locator("#direct-rooms .namesake").evaluateAll((rows) => rows.map((each) => each.getAttribute("data-room")));
  assert.deepEqual(marked, [old]);
}));

test("the link to a room says for whom it works", scene(server, async ({ person, room }) => {
  const ada = await person("Ada");
  const ben = await person("Ben");
  const options = async () => {
    await ada.page.locator("#room-options").click();
    await ada.sees("dialog h3", "Link to this room");
  };
  await options();
  await ada.seesNo("dialog .muted", "It works only");
  await ada.page.keyboard.press("Escape");
  await makes(ada, "Plans", ben.name);
  await options();
  await ada.sees("dialog .muted", "It works only for those who are invited.");
  await ada.page.keyboard.press("Escape");
  await ada.page.locator(`#joined-rooms [data-room="${room}"] a`).click();
  await ada.page.locator("#member-list .name", { hasText: ben.name }).click();
  await ada.page.locator("dialog .direct").click();
  await ada.sees("#room-title", ben.name);
  await options();
  await ada.sees("dialog .muted", "It works only for the two of you.");
}));
