// What is new to somebody: badges, the line in the conversation, the mark on the tab, in step over tabs.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { act } from "./support/deeds.mjs";
import { startCluster } from "./support/programs.mjs";
import { scene } from "./support/scene.mjs";
import { until } from "./support/until.mjs";
import { Voice } from "./support/voice.mjs";

/** @typedef {import("./support/person.mjs").Person} Person */

/** @type {import("./support/programs.mjs").Server} */
let cluster;
before(async () => void (cluster = await startCluster({ env: { HUBBUB__LIMITS__SENDS: "1000" } })));
after(() => cluster?.end());
const server = () => cluster;

test("what is new in a room is counted, and marked where one left off", scene(server, async ({ person, room }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  const row = `#joined-rooms [data-room="${room}"]`;
  await ada.says("Old");
  await ben.hears("Old");
  await ada.joins(`${room}-b`);
  await ben.says("First");
  await ada.sees(`${row} .badge`, /^1$/);
  await ben.says(`@${ada.name} second`);
  await ada.sees(`${row} .badge.calls`, /^@ 2$/);
  await until("the count in the title", async () => (await ada.page.title()).startsWith("(2) "));
  await until("the mark on the tab", async () => (await iconOf(ada)).startsWith("data:image/svg+xml,"));
  await ada.page.locator(`${row} a`).click();
  await ada.hears("First");
  assert.deepEqual(await linesBelow(ada), ["First"]);
  assert.equal(await ada.page.locator(".calls .text").allTextContents().then(String), `@${ada.name} second`);
  await ada.seesNo(`${row} .badge`);
  await until("a plain title", async () => !(await ada.page.title()).startsWith("("));
  await until("a plain icon", async () => (await iconOf(ada)).endsWith("/icon.svg"));
  await ada.says("Answer");
  await ada.hears("Answer");
  await ada.seesNo(".new-line");
}));

test("the line comes while one looks away, stays when one is back, and goes with one's own words", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  await ben.says("Seen");
  await ada.hears("Seen");
  await ada.turns(true);
  await ben.says("Missed");
  await ben.says("Missed too");
  await ada.hears("Missed too");
  assert.deepEqual(await linesBelow(ada), ["Missed"]);
  await ada.sees(".badge", "2");
  await ada.turns(false);
  await ada.seesNo(".badge");
  await ben.says("Seen again");
  await ada.hears("Seen again");
  assert.deepEqual(await linesBelow(ada), ["Missed"], "the line does not follow the reader");
  await ada.turns(true);
  await ben.says("Another run");
  await ada.hears("Another run");
  assert.deepEqual(await linesBelow(ada), ["Another run"]);
  await ada.turns(false);
  await ada.says("Mine");
  await ada.hears("Mine");
  await ada.seesNo(".new-line");
}));

test("where one has read up to outlives a reload", scene(server, async ({ person, room }) => {
  const ben = await person("Ben");
  await ben.says("Read");
  await ben.hears("Read");
  const ada = await person("Ada", { elsewhere: ben });
  await ada.hears("Read");
  await ada.seesNo(".new-line");
  await ada.page.goto("about:blank");
  await ben.says("While away");
  await ben.hears("While away");
  await ada.page.goto(`${ada.url}/r/${room}`);
  await ada.hears("While away");
  assert.deepEqual(await linesBelow(ada), ["While away"]);
}));

test("what one reads in one tab is read in the other", scene(server, async ({ person, secondTab, room }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  await ada.joins(`${room}-b`);
  const tab = await secondTab(ada);
  await tab.turns(true);
  await ben.says("News");
  await ada.sees(`#joined-rooms [data-room="${room}"] .badge`, /^1$/);
  await tab.sees(`#joined-rooms [data-room="${room}"] .badge`, /^1$/);
  await tab.turns(false);
  await tab.seesNo(".badge");
  await ada.seesNo(".badge");
}));

test("a line far up is not moved by what one does not see", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  for (let line = 1; line <= 3; line += 1) await ben.says(Array.from({ length: 20 }, () => `Long ${line}`).join("\n"));
  await ada.page.locator("#messages .text").nth(2).waitFor();
  await ada.page.evaluate(() => document.getElementById("scroller")?.scrollTo(0, 0));
  await ada.sees("#jump", "Jump to latest");
  await ben.says("Below");
  await ada.sees("#jump", "1 new message");
  await ada.sees(".badge", "1");
  assert.deepEqual(await linesBelow(ada), ["Below"]);
  await ada.page.locator("#composer-text").press("Escape");
  await ada.seesNo("#jump");
  await ada.seesNo(".badge");
}));

test("what is new far below is offered by one arrow, and that one points down", scene(server, async ({ person, room }) => {
  const ben = await Voice.of(cluster.url, `Ben of ${room}`);
  await ben.says(room, ...Array.from({ length: 260 }, (_, index) => `Line ${index}`));
  const ada = await person("Ada");
  await ada.hears("Line 259");
  await until("the beginning", () => ada.page.evaluate(() => {
    document.getElementById("scroller")?.scrollTo(0, 0);
    return [...document.querySelectorAll("#messages .text")].some((node) => node.textContent === "Line 0");
  }));
  await ada.seesNo("#messages .text", /^Line 259$/);
  await ben.says(room, "Below");
  await ada.sees("#jump", "1 new message");
  await ada.seesNo("#first-unread");
}));

test("who chooses an emoji is still reading what comes", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  await ben.says("One");
  await ada.hears("One");
  await act(ada, "One", "react");
  await ada.sees("#emoji-palette", /./);
  // The page looks anew at whether anybody reads.
  await ada.turns(false);
  await ben.says("Two");
  await ada.hears("Two");
  assert.deepEqual(await linesBelow(ada), []);
  assert.ok(!(await ada.page.title()).startsWith("("));
}));

test("where what one missed begins is one press away", scene(server, async ({ person, room }) => {
  const ada = await person("Ada");
  await ada.joins(`${room}-b`);
  const many = Array.from({ length: 60 }, (_, index) => `Missed ${index + 1}`);
  await (await Voice.of(cluster.url, `Ben of ${room}`)).says(room, ...many);
  await ada.sees(`#joined-rooms [data-room="${room}"] .badge`, /^60$/);
  await ada.page.locator(`#joined-rooms [data-room="${room}"] a`).click();
  await ada.hears("Missed 60");
  await ada.page.locator("#first-unread").click();
  const [line, frame] = [await ada.page.locator(".new-line").boundingBox(), await ada.page.locator("#scroller").boundingBox()];
  assert.ok(line && frame && line.y >= frame.y && line.y < frame.y + 100, JSON.stringify([line, frame]));
  await ada.seesNo("#first-unread");
  await ada.sees("#jump", "Jump to latest");
  assert.deepEqual(await linesBelow(ada), ["Missed 1"]);
}));

for (const [what, missed, how] of /** @type {const} */ ([
  ["what was missed while away", 120, "away"],
  ["what came into another room meanwhile, beyond what is drawn", 400, "elsewhere"],
])) {
  test(`one press leads to the beginning of ${what}`, scene(server, async ({ person, room }) => {
    const ada = await person("Ada");
    const ben = await Voice.of(cluster.url, `Ben of ${room}`);
    await ben.says(room, "Seen");
    await ada.hears("Seen");
    await until("reading to be kept", () => ada.page.evaluate(() => Object.keys(localStorage).some((key) => key.startsWith("hubbub:read:"))));
    if (how === "away") await ada.page.goto("about:blank");
    else await ada.joins(`${room}-b`);
    await ben.says(room, ...Array.from({ length: missed }, (_, index) => `Missed ${index + 1}`));
    if (how === "away") await ada.page.goto(`${ada.url}/r/${room}`);
    else {
      await until("all to be there", async () => (await ada.page.title()).startsWith(`(${missed}) `));
      await ada.page.locator(`#joined-rooms [data-room="${room}"] a`).click();
    }
    await ada.hears(`Missed ${missed}`);
    await ada.sees("#first-unread", "Jump to first unread");
    assert.deepEqual(await linesBelow(ada), [], "no line where it does not belong");
    await ada.page.locator("#first-unread").click();
    await ada.hears("Missed 1");
    await until("the line", async () => (await linesBelow(ada)).length > 0);
    assert.deepEqual(await linesBelow(ada), ["Missed 1"]);
    const [line, frame] = [await ada.page.locator(".new-line").boundingBox(), await ada.page.locator("#scroller").boundingBox()];
    assert.ok(line && frame && Math.abs(line.y - frame.y) < 100, JSON.stringify([line, frame]));
    await ada.seesNo("#first-unread");
    await ada.page.locator("#jump").click();
    await ada.hears(`Missed ${missed}`);
    await ada.seesNo("#first-unread");
  }));
}

/** The texts right below a line "new". @param {Person} person */
function linesBelow({ page }) {
  return page.locator("#messages .row:has(.new-line) .text").allTextContents();
}

/** @param {Person} person */
async function iconOf({ page }) {
  return (await page.locator('link[rel="icon"]').getAttribute("href")) ?? "";
}
