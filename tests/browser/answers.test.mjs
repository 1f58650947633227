// Answers with a quote, and mentions while one writes and where one reads.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { act, rewrite, row } from "./support/deeds.mjs";
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

/** Begins to answer a message with so many others below it. @param {Person} person @param {string} room @param {number} lines */
async function answersFarUp(person, room, lines) {
  const voice = await Voice.of(cluster.url, `Chronicler of ${room} ${Math.random().toString(36).slice(2, 8)}`);
  await voice.says(room, "Where it began");
  await act(person, "Where it began", "reply");
  await voice.says(room, ...Array.from({ length: lines }, (_, index) => `Line ${index}`));
}

test("a quote leads to its message, however far back", scene(server, async ({ person, room }) => {
  const ada = await person("Ada");
  await answersFarUp(ada, room, 180);
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
  assert.equal((await quote.innerText()).trim(), "An earlier message");
  await quote.click();
  await ada.hears("Buy now");
  await row(ada, "Buy now").and(ada.page.locator(".pointed")).waitFor();
  // An edit has a place in the log where no message stands.
  await act(ada, "No thanks", "edit");
  await rewrite(ada, "No, thank you");
  await ada.hears("No, thank you");
  // In one go, as the page puts right what it draws again.
  await row(ada, "No, thank you").evaluate((node) => {
    const quote = /** @type {HTMLElement} */ (node.querySelector(".quote"));
    quote.dataset["position"] = String(node.dataset["position"]).replace(/\d+$/, (seq) => String(Number(seq) + 1));
    quote.click();
  });
  await ada.sees("#notice-text", "That message is not kept any more.");
  assert.equal(asked, 0);
}));

test("people are offered after an @, and whoever is meant sees it", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  const cleo = await person("Cleo");
  // Their number may be known before their names are, and only those can be offered.
  for (const each of [ben, cleo]) await ada.sees("#member-list .name", each.name);
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

test("people are offered again where the message before had a mention, or one that was called off", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  await ada.sees("#member-list .name", ben.name);
  await ada.types("@");
  await ada.page.locator("#mention-list li", { hasText: ben.name }).click();
  await ada.types("hello");
  await ada.page.keyboard.press("Enter");
  await ben.hears(`@${ben.name} hello`);
  await ada.types("@b");
  await ada.sees("#mention-list li", ben.name);
  await ada.page.keyboard.press("Escape");
  await ada.seesNo("#mention-list");
  await ada.types("e");
  await ada.seesNo("#mention-list");
  await ada.page.keyboard.press("Enter");
  await ben.hears("@be");
  await ada.types("@b");
  await ada.sees("#mention-list li", ben.name);
}));

test("a name that begins with one's own calls its owner alone, and what was called out to one who was away is marked", scene(server, async ({ person, room }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  const smith = await Voice.of(cluster.url, `${ada.name} Smith`);
  await smith.visits(room);
  await ben.says(`@${ada.name} Smith look`);
  await ada.hears(`@${ada.name} Smith look`);
  await row(ada, `@${ada.name} Smith look`).locator(".mention", { hasText: /Smith$/ }).waitFor();
  await ada.seesNo("#messages .calls");
  await ada.seesNo(".mention.own");
  await ada.page.locator("#sign-out").click();
  await ada.page.locator("#sign-in-form-button").waitFor();
  await ben.says(`@${ada.name} are you there?`);
  await ben.hears(`@${ada.name} are you there?`);
  await ada.enters(room);
  await row(ada, `@${ada.name} are you there?`).and(ada.page.locator(".calls")).waitFor();
  await row(ada, `@${ada.name} are you there?`).locator(".mention.own", { hasText: ada.name }).waitFor();
}));

test("the bar above the composer shows what is answered as it is now, from its beginning, whichever way it is read", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  await ada.says("Seven?");
  await ben.hears("Seven?");
  await act(ben, "Seven?", "reply");
  await ben.sees("#replying-text", "Seven?");
  await act(ada, "Seven?", "edit");
  const late = "נפגש בשמונה ליד התחנה ".repeat(12).trim();
  await rewrite(ada, late);
  await ben.sees("#replying-text", late.slice(0, 100));
  // The first letter stands at the right edge of what is shown, and what does not fit is cut at the left.
  const place = await ben.page.locator("#replying-text").evaluate((node) => {
    const range = document.createRange();
    range.setStart(/** @type {Text} */ (node.firstChild), 0);
    range.setEnd(/** @type {Text} */ (node.firstChild), 1);
    const bar = /** @type {Element} */ (node.closest("p")).getBoundingClientRect();
    const letter = range.getBoundingClientRect();
    const author = /** @type {Element} */ (document.getElementById("replying-to")).getBoundingClientRect();
    return { letter: letter.right - bar.right, author: author.left - bar.left, apart: letter.right - author.right };
  });
  assert.ok(place.letter <= 1 && place.letter > -60 && place.author >= 0 && place.apart > 0, JSON.stringify(place));
  await act(ada, late, "delete");
  await ada.page.locator("#action-delete").click();
  await ben.seesNo("#replying");
}));

test("a mention stays marked when whoever is meant has left without a word", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  const cleo = await person("Cleo");
  await ada.seesPeople(3);
  await ben.says(`@${cleo.name} look`);
  await row(ada, `@${cleo.name} look`).locator(".mention", { hasText: cleo.name }).waitFor();
  await cleo.page.locator("#sign-out").click();
  await ada.seesPeople(2);
  await ben.says(`@${cleo.name} gone?`);
  await ada.hears(`@${cleo.name} gone?`);
  await row(ada, `@${cleo.name} gone?`).locator(".mention", { hasText: cleo.name }).waitFor();
  assert.equal(await row(ada, `@${cleo.name} look`).locator(".mention").count(), 1);
}));

test("what one answers is kept with the draft, and gone in every tab once it is sent", scene(server, async ({ person, room, secondTab }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  await ben.says("Tea or coffee?");
  await ada.hears("Tea or coffee?");
  await act(ada, "Tea or coffee?", "reply");
  await ada.types("Tea");
  await ada.joins(`${room}-b`);
  await ada.seesNo("#replying");
  await ada.page.locator(`#joined-rooms [data-room="${room}"] a`).click();
  await ada.sees("#replying", `Replying to ${ben.name} Tea or coffee?`);
  await ada.page.reload();
  await ada.isIn();
  await ada.sees("#replying", `Replying to ${ben.name} Tea or coffee?`);
  const tab = await secondTab(ada);
  await tab.sees("#replying-text", "Tea or coffee?");
  await ada.page.locator("#composer-send").click();
  await row(ben, "Tea").locator(".quote", { hasText: "Tea or coffee?" }).waitFor();
  for (const each of [ada, tab]) {
    await each.seesNo("#replying");
    await each.page.reload();
    await each.isIn();
    await each.hears("Tea");
    await each.seesNo("#replying");
  }
  // Deleted while nobody looks, it is no more to be answered.
  await act(ada, "Tea or coffee?", "reply");
  await ada.page.goto("about:blank");
  await tab.page.close();
  await act(ben, "Tea or coffee?", "delete");
  await ben.page.locator("#action-delete").click();
  await ben.hears("This message was deleted.");
  await ada.page.goto(`${ada.url}/r/${room}`);
  await ada.isIn();
  await ada.hears("This message was deleted.");
  await ada.seesNo("#replying");
}));

test("signing out forgets what one was about to answer, and what is far up is answered all the same", scene(server, async ({ person, room }) => {
  const ada = await person("Ada");
  await answersFarUp(ada, room, 120);
  await ada.page.reload();
  await ada.isIn();
  await ada.sees("#replying", "An earlier message");
  await ada.says("I was there");
  // What is still on its way is asked about on signing out.
  await ada.hears("I was there");
  await row(ada, "I was there").locator(".quote").click();
  await ada.hears("Where it began");
  await act(ada, "Where it began", "reply");
  await ada.sees("#replying-text", "Where it began");
  await ada.page.locator("#sign-out").click();
  await ada.page.locator("#sign-in-form-button").waitFor();
  await ada.enters(room);
  await ada.hears("I was there");
  await ada.seesNo("#replying");
}));
