// Answers with a quote, and mentions while one writes and where one reads.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { act, rewrite, row } from "./support/deeds.mjs";
import { startCluster } from "./support/programs.mjs";
import { scene } from "./support/scene.mjs";
import { until } from "./support/until.mjs";
import { Voice } from "./support/voice.mjs";

/** @type {import("./support/programs.mjs").Server} */
let cluster;
before(async () => void (cluster = await startCluster({ env: { HUBBUB__LIMITS__SENDS: "1000" } })));
after(() => cluster?.end());
const server = () => cluster;

test("an answer quotes what it answers, as it is now", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  await ada.says("Tea or coffee?");
  await ben.hears("Tea or coffee?");
  await act(ben, "Tea or coffee?", "reply");
  await ben.sees("#replying", `Replying to ${ada.name}`);
  await ben.says("Tea");
  const quote = row(ada, "Tea").locator(".quote");
  await quote.filter({ hasText: "Tea or coffee?" }).waitFor();
  await ben.seesNo("#replying");
  await act(ada, "Tea or coffee?", "edit");
  await ada.page.locator(".editor textarea").fill("Tea or cocoa?");
  await ada.page.keyboard.press("Enter");
  await row(ben, "Tea").locator(".quote", { hasText: "Tea or cocoa?" }).waitFor();
  await act(ada, "Tea or cocoa?", "delete");
  await ada.page.locator("#action-delete").click();
  await row(ben, "Tea").locator(".quote", { hasText: "This message was deleted." }).waitFor();
  await ben.hasHeardExactly(["This message was deleted.", "Tea"]);
}));

test("what is bold or code in a message is plain where it is quoted, called out or said", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  const [marked, plain] = ["Run `make` **now**, or 2 ** 3 ** 4", "Run make now, or 2 ** 3 ** 4"];
  await ada.says(marked);
  await ben.hears(marked);
  assert.deepEqual(await ben.page.locator("#announcer p").allTextContents(), [`${ada.name}: ${plain}`]);
  await act(ben, marked, "reply");
  await until("the bar above the composer", async () => (await ben.page.locator("#replying-text").textContent()) === plain);
  await ben.says("On it");
  const quote = row(ada, "On it").locator(".quote");
  await quote.waitFor();
  assert.equal(await quote.locator(".quote-text").textContent(), plain);
  assert.equal(await quote.getAttribute("aria-label"), `In reply to ${ada.name}: ${plain}`);
  await row(ada, marked).locator(".message").focus();
  await until("words for the message", async () => (await row(ada, marked).locator(".message").getAttribute("aria-label"))?.endsWith(plain));
}));

test("Escape calls an answer off", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  await ada.says("One");
  await ada.hears("One");
  await act(ada, "One", "reply");
  await ada.types("Two");
  await ada.page.keyboard.press("Escape");
  await ada.seesNo("#replying");
  await ada.page.keyboard.press("Enter");
  await ada.hears("Two");
  await ada.seesNo(".quote");
}));

test("a quote leads to its message, however far back", scene(server, async ({ person, room }) => {
  const voice = await Voice.of(cluster.url, `Chronicler of ${room} ${Math.random().toString(36).slice(2, 8)}`);
  await voice.says(room, "Where it began");
  const ada = await person("Ada");
  await act(ada, "Where it began", "reply");
  await voice.says(room, ...Array.from({ length: 180 }, (_, index) => `Line ${index}`));
  await ada.says("I was there");
  await ada.hears("I was there");
  await ada.page.reload();
  await ada.isIn();
  await ada.hears("I was there");
  assert.ok(!(await ada.texts()).includes("Where it began"));
  await row(ada, "I was there").locator(".quote").click();
  await ada.hears("Where it began");
  await until("the message to have the focus", () => ada.page.evaluate(() => document.activeElement?.textContent?.includes("Where it began")));
  await row(ada, "Where it began").locator(".text").waitFor();
  const box = await row(ada, "Where it began").boundingBox();
  assert.ok(box && box.y > 0 && box.y < 800, "it is in view");
}));

test("a quote of somebody one has muted opens their words, and one of what is gone says so at once", scene(server, async ({ person, room }) => {
  const voice = await Voice.of(cluster.url, `Chronicler of ${room} ${Math.random().toString(36).slice(2, 8)}`);
  await voice.says(room, ...Array.from({ length: 120 }, (_, index) => `Line ${index}`));
  const ada = await person("Ada");
  const pest = await person("Pest");
  await pest.says("Buy now");
  await ada.hears("Buy now");
  await act(ada, "Buy now", "reply");
  await ada.says("No thanks");
  await row(ada, "No thanks").locator(".quote").waitFor();
  await ada.page.locator("#messages .author", { hasText: pest.name }).click();
  await ada.page.getByRole("button", { name: "Mute" }).click();
  let asked = 0;
  ada.page.on("websocket", (socket) => socket.on("framesent", ({ payload }) => {
    if (String(payload).includes('"history"')) asked += 1;
  }));
  await ada.page.reload();
  await ada.sees(".remark-text", "1 message of somebody you muted");
  const quote = row(ada, "No thanks").locator(".quote");
  await quote.click();
  await ada.hears("Buy now");
  await row(ada, "Buy now").and(ada.page.locator(".pointed")).waitFor();
  // An edit has a place in the log where no message stands.
  await act(ada, "No thanks", "edit");
  await rewrite(ada, "No, thank you");
  await ada.hears("No, thank you");
  const gone = await row(ada, "No, thank you").evaluate((node) => String(node.dataset["position"]).replace(/\d+$/, (seq) => String(Number(seq) + 1)));
  await row(ada, "No, thank you").locator(".quote").evaluate((node, position) => (node.dataset["position"] = position), gone);
  await row(ada, "No, thank you").locator(".quote").click();
  await ada.sees("#notice-text", "That message is not kept any more.");
  assert.equal(asked, 0);
}));

test("people are offered after an @, and whoever is meant sees it", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  const cleo = await person("Cleo");
  await ada.seesPeople(3);
  const field = ada.page.locator("#composer-text");
  await ada.types("Ask @");
  await ada.sees("#mention-list li", ben.name);
  await ada.types("cl");
  await ada.seesNo("#mention-list li", ben.name);
  const option = ada.page.locator("#mention-list li", { hasText: cleo.name });
  assert.equal(await field.getAttribute("aria-activedescendant"), await option.getAttribute("id"));
  await ada.page.keyboard.press("Enter");
  assert.equal(await field.inputValue(), `Ask @${cleo.name} `);
  await ada.seesNo("#mention-list");
  await ada.types("and @b");
  await ada.page.locator("#mention-list li", { hasText: ben.name }).click();
  assert.equal(await field.inputValue(), `Ask @${cleo.name} and @${ben.name} `);
  await ada.types("but not @c");
  await ada.page.keyboard.press("Escape");
  await ada.seesNo("#mention-list");
  await ada.page.keyboard.press("Enter");
  const text = `Ask @${cleo.name} and @${ben.name} but not @c`;
  for (const each of [ben, cleo]) {
    await each.hears(text);
    await row(each, text).locator(".mention.own", { hasText: each.name }).waitFor();
    await each.page.locator(".row.calls").waitFor();
  }
  await ada.hears(text);
  await ada.seesNo(".calls .text");
}));
