// Messages are changed, taken back and reacted to, and everybody sees it, whatever the network does.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { act, pill, react, rewrite, row } from "./support/deeds.mjs";
import { startCluster } from "./support/programs.mjs";
import { scene } from "./support/scene.mjs";
import { until } from "./support/until.mjs";

/** @type {import("./support/programs.mjs").Server} */
let cluster;
before(async () => void (cluster = await startCluster({ env: { HUBBUB__LIMITS__SENDS: "1000" } })));
after(() => cluster?.end());
const server = () => cluster;

test("an edit is seen by everybody, also by those who come later", scene(server, async ({ person, room }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  await ada.says("Helo");
  await ben.hears("Helo");
  await act(ada, "Helo", "edit");
  await rewrite(ada, "Hello");
  await ben.hears("Hello");
  await ben.seesNo("#messages .text", /^Helo$/);
  await row(ben, "Hello").locator("[data-edited]").waitFor();
  await row(ben, "Hello").hover();
  await ben.page.locator("#action-reply").waitFor();
  await ben.seesNo("#action-edit");
  await ben.page.reload();
  await ben.isIn();
  await ben.hasHeardExactly(["Hello"]);
  await row(ben, "Hello").locator("[data-edited]").waitFor();
  assert.ok(ben.page.url().endsWith(`/r/${room}`));
}));

test("a deleted message leaves a trace and nothing of what it said", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  await ada.says("Forget this");
  await ben.hears("Forget this");
  await act(ada, "Forget this", "delete");
  await ada.sees("#action-delete.armed", "Delete for everybody?");
  await ada.hears("Forget this");
  await ada.page.locator("#action-delete").click();
  for (const each of [ada, ben]) await each.hasHeardExactly(["This message was deleted."]);
  const held = await ben.page.content();
  assert.ok(!held.includes("Forget this"), "not anywhere in the page");
  await ben.page.reload();
  await ben.isIn();
  await ben.hasHeardExactly(["This message was deleted."]);
}));

test("reactions add up, name who reacted, and are taken back", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  await ada.says("Cake at four");
  await ben.hears("Cake at four");
  await react(ben, "Cake at four", "🎉");
  await pill(ada, "Cake at four", "🎉", 1).click();
  await pill(ben, "Cake at four", "🎉", 2).waitFor();
  assert.equal(await pill(ben, "Cake at four", "🎉", 2).getAttribute("aria-pressed"), "true");
  const label = await pill(ada, "Cake at four", "🎉", 2).getAttribute("aria-label");
  assert.ok(label?.includes(ben.name) && label.includes("you"), String(label));
  await act(ada, "Cake at four", "react");
  await ada.page.locator("#emoji-other").fill("🦔");
  await ada.page.keyboard.press("Enter");
  await pill(ben, "Cake at four", "🦔", 1).waitFor();
  await pill(ben, "Cake at four", "🎉", 2).click();
  await pill(ada, "Cake at four", "🎉", 1).click();
  await ben.seesNo(".reaction", "🎉");
  await ben.page.reload();
  await ben.isIn();
  await pill(ben, "Cake at four", "🦔", 1).waitFor();
  await ben.seesNo(".reaction", "🎉");
}));

test("what is done offline is shown, survives a reload, and reaches the others", scene(server, async ({ person, wire, room }) => {
  const network = await wire();
  const ada = await person("Ada", { wire: network });
  const ben = await person("Ben", { elsewhere: ada });
  await ada.says("First");
  await ada.says("Second");
  await ada.says("Third");
  await ben.hears("Third");
  await ada.hears("Third");
  network.cut();
  await act(ada, "First", "edit");
  await rewrite(ada, "First, improved");
  await ada.sees(".pending .text", "First, improved");
  await react(ada, "Second", "👍");
  await pill(ada, "Second", "👍", 1).waitFor();
  await act(ada, "Third", "delete");
  await ada.page.locator("#action-delete").click();
  await ada.sees("#messages .text", "This message was deleted.");
  await row(ada, "Second").locator(".text").hover();
  await ada.sees("#actions", /./);
  await row(ada, "This message was deleted.").locator(".text").hover();
  await ada.seesNo("#actions");
  await ben.hasHeardExactly(["First", "Second", "Third"]);
  // The page may come from its service worker, or not at all.
  await ada.page.reload().catch(() => null);
  network.mend();
  await until("the page to load", () => ada.page.goto(`${ada.url}/r/${room}`).catch(() => null));
  for (const each of [ben, ada]) {
    await each.hears("First, improved");
    await pill(each, "Second", "👍", 1).waitFor();
    await each.hasHeardExactly(["First, improved", "Second", "This message was deleted."]);
  }
}));

test("the arrow up edits what one said last, and Escape leaves it as it was", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  const { keyboard } = ada.page;
  await ada.says("Almost");
  await ben.hears("Almost");
  await ben.says("Well?");
  await ada.hears("Well?");
  await ada.page.locator("#composer-text").focus();
  await keyboard.press("ArrowUp");
  await keyboard.type(" but no");
  await keyboard.press("Escape");
  assert.ok(await ada.page.locator("#composer-text").evaluate((node) => node === document.activeElement));
  await ada.hasHeardExactly(["Almost", "Well?"]);
  await keyboard.press("ArrowUp");
  await keyboard.type(" there");
  await keyboard.press("Enter");
  await ben.hears("Almost there");
  await ben.hasHeardExactly(["Almost there", "Well?"]);
}));

test("what is saved is what one saw, whatever another tab made of it meanwhile", scene(server, async ({ person, secondTab }) => {
  const ada = await person("Ada");
  await ada.says("One");
  const tab = await secondTab(ada);
  await act(ada, "One", "edit");
  await act(tab, "One", "edit");
  await rewrite(tab, "Two");
  await until("the other tab's text", async () => (await ada.texts()).includes("Two"));
  await ada.page.locator(".editor .save").click();
  for (const each of [ada, tab]) await each.hasHeardExactly(["One"]);
}));

test("a change the server refuses says so with its text, and can be dropped", scene(server, async ({ person, wire, room }) => {
  const network = await wire();
  const ada = await person("Ada", { wire: network });
  await ada.says("Mine");
  await ada.hears("Mine");
  const position = await row(ada, "Mine").getAttribute("data-position");
  network.cut();
  await act(ada, "Mine", "edit");
  await rewrite(ada, "Mine, later");
  await ada.sees(".pending .text", "Mine, later");
  await elsewhere(ada, { type: "delete", room, key: "from-her-phone", target: position });
  await ada.returns(network);
  await ada.sees(".fate-text", "Not changed: it is not yours, or was deleted.");
  await ada.sees(".fate .wanted", "Mine, later");
  await ada.seesNo(".fate .retry");
  await ada.hasHeardExactly(["This message was deleted."]);
  await ada.page.locator(".fate .delete").click();
  await ada.seesNo(".fate");
}));

test("a reaction to a message that is deleted meanwhile goes with it", scene(server, async ({ person, wire }) => {
  const network = await wire();
  const ada = await person("Ada", { wire: network });
  const ben = await person("Ben", { elsewhere: ada });
  await ben.says("Not for long");
  await ada.hears("Not for long");
  network.cut();
  await react(ada, "Not for long", "👍");
  await ada.sees(".reaction", "👍");
  await act(ben, "Not for long", "delete");
  await ben.page.locator("#action-delete").click();
  await ben.hasHeardExactly(["This message was deleted."]);
  await ada.returns(network);
  await ada.hasHeardExactly(["This message was deleted."]);
  await ada.says("Gone");
  // What became of the reaction is known before that is.
  for (const each of [ada, ben]) await each.hears("Gone");
  await ada.seesNo(".fate");
}));

/** Somebody does something from another place, as themselves. @param {import("./support/person.mjs").Person} person
 * @param {object} frame */
async function elsewhere({ page }, frame) {
  const cookies = await page.context().cookies(cluster.url);
  const response = await fetch(`${cluster.url}/api/v1/frames`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      origin: cluster.url,
      cookie: cookies.map(({ name, value }) => `${name}=${value}`).join("; "),
    },
    body: JSON.stringify({ frames: [frame] }),
  });
  const { frames } = await response.json();
  assert.equal(frames[0].type, "ack", JSON.stringify(frames));
}
