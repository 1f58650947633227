// The core of the suite in Firefox, driven over WebDriver BiDi: what talking, coming back, reading back and changing need
// of a browser. Each person has a browser; they are on different instances of a cluster.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { startCluster } from "../browser/support/programs.mjs";
import { scrollUpAndMeasure } from "../browser/support/scroll.mjs";
import { until } from "../browser/support/until.mjs";
import { Voice } from "../browser/support/voice.mjs";
import { Wire } from "../browser/support/wire.mjs";
import { Visitor, isInstalled } from "./support/visitor.mjs";

const options = isInstalled ? {} : { skip: "firefox-esr is not installed" };
if (!isInstalled) process.stdout.write("SKIPPED firefox: firefox-esr is not installed\n");

/** @type {import("../browser/support/programs.mjs").Server} */
let cluster;
/** @type {Visitor} */
let ada;
/** @type {Visitor} */
let ben;
/** @type {Wire} */
let network;
let rooms = 0;
let room = "";

before(async () => {
  if (!isInstalled) return;
  cluster = await startCluster({ env: { HUBBUB__LIMITS__SENDS: "1000" } });
  network = await new Wire(cluster.url).open();
  [ada, ben] = await Promise.all([Visitor.of("Ada", network.url), Visitor.of("Ben", cluster.url)]);
  await ada.enters("lobby");
  await ben.enters("lobby");
  await ben.settlesElsewhere(ada);
});
after(async () => {
  await Promise.allSettled([ada?.browser.close(), ben?.browser.close()]);
  network?.close();
  await cluster?.end();
});

/** A story in a room of its own, of the two who are there. @param {() => Promise<void>} story */
function together(story) {
  return async () => {
    rooms += 1;
    room = `firefox-${rooms}`;
    for (const each of [ada, ben]) await each.page.goto(`${each.url}/r/${room}`);
    for (const each of [ada, ben]) await each.sees("#members-count", "^2$");
    assert.notEqual(await ada.instance(), await ben.instance());
    await story();
    for (const each of [ada, ben]) await each.isWell();
  };
}

test("two people on different instances talk both ways", options, together(async () => {
  await ada.says("Hello from one side");
  await ben.hears("Hello from one side");
  await ben.writes("And b");
  // It is told again and again while one types, as one time may be missed.
  await until("the note", async () => {
    await ben.page.keyboard.type("x");
    await ben.page.keyboard.press("Backspace");
    return ada.page.evaluate(() => document.getElementById("typing")?.textContent?.includes("Ben is typing"));
  });
  await ben.says("ack");
  await ada.hears("And back");
  for (const each of [ada, ben]) await each.hasHeardExactly(["Hello from one side", "And back"]);
  await ada.seesNo("#status", "slow network mode");
}));

test("a reload keeps one signed in, with history and a draft", options, together(async () => {
  await ada.says("Before");
  await ada.writes("Half a thou");
  await ada.hears("Before");
  await ada.reloads();
  await ada.hasHeardExactly(["Before"]);
  await until("the draft", async () => (await ada.page.$eval("#composer-text", (node) => /** @type {HTMLTextAreaElement} */ (node).value)) === "Half a thou");
  await ada.page.keyboard.type("ght");
  await ada.page.keyboard.press("Enter");
  await ben.hasHeardExactly(["Before", "Half a thought"]);
}));

test("what is written and said during an outage arrives once, in order", options, together(async () => {
  await ada.says("Still online");
  await ben.hears("Still online");
  network.cut();
  await ada.says("Written in a tunnel");
  await ada.sees(".pending .text", "Written in a tunnel");
  await ben.says("You are missing this");
  await ben.hears("You are missing this");
  await ada.sees("#status", "Not connected. What you write is kept.");
  network.mend();
  await ada.page.evaluate(() => document.getElementById("try-now")?.click());
  await ada.hears("You are missing this", "Written in a tunnel");
  await ada.seesNo("#status", "Not connected");
  for (const each of [ada, ben]) await each.hasHeardExactly(["Still online", "You are missing this", "Written in a tunnel"]);
}));

test("history comes when one scrolls up, and the line one reads stays where it is", options, together(async () => {
  const lines = Array.from({ length: 160 }, (_, index) => `Line ${index + 1}`);
  await (await Voice.of(cluster.url, "Chronicler")).says(room, ...lines);
  await ada.reloads();
  await ada.hears("Line 160");
  await until("it to open at the end", async () => (await fromEnd()) < 2);
  for (let turn = 0; (await ada.texts()).length < 160; turn += 1) {
    assert.ok(turn < 20, "the beginning is reached after a few turns");
    const drift = await ada.page.evaluate(scrollUpAndMeasure);
    assert.ok(Math.abs(drift) <= 1, `the line moved by ${drift} px`);
  }
  await ada.hasHeardExactly(lines);
  await ada.sees("#jump", "Jump to latest");
  // The line that says so takes its place above the messages, which moves them.
  await ada.sees("#history-note", "This is the beginning");
  const top = await ada.page.$eval("#scroller", (node) => node.scrollTop);
  await ben.says("News");
  await ada.sees("#jump", "1 new message");
  assert.equal(await ada.page.$eval("#scroller", (node) => node.scrollTop), top);
  await ada.click("#jump");
  await ada.hears("News");
  await ada.seesNo("#jump");
}));

test("the end stays in view while messages come and the window changes", options, together(async () => {
  for (let line = 1; line <= 30; line += 1) await ben.says(`Line ${line}`);
  await ada.hears("Line 30");
  await until("the end in view", async () => (await fromEnd()) < 2);
  for (const height of [500, 700, 300, 800]) {
    await ada.page.setViewport({ width: 1200, height });
    await until(`the end in view at ${height} px`, async () => (await fromEnd()) < 2);
  }
  await ada.seesNo("#jump");
}));

test("messages are edited, reacted to, answered and deleted", options, together(async () => {
  await ada.says("Helo");
  await ben.hears("Helo");
  await ada.act("Helo", "edit");
  await ada.page.keyboard.type(" there");
  await ada.page.keyboard.press("Enter");
  await ben.hears("Helo there");
  await ben.sees("#messages .text[data-edited]");
  await ben.act("Helo there", "react");
  await ben.click("#emoji-palette button", "🎉");
  await ada.sees(".reaction", "🎉1");
  await ada.click(".reaction", "🎉1");
  await ben.sees(".reaction", "🎉2");
  await ben.act("Helo there", "reply");
  await ben.sees("#replying", "Replying to Ada");
  await ben.page.keyboard.type("Hello to you");
  await ben.page.keyboard.press("Enter");
  await ada.sees(".quote", "Helo there");
  await ada.act("Helo there", "delete");
  await ada.sees("#action-delete.armed", "Delete for everybody");
  // A second click as soon as this would be half of a double click, which answers nothing.
  await pause(800);
  await ada.click("#action-delete");
  for (const each of [ada, ben]) await each.hasHeardExactly(["This message was deleted.", "Hello to you"]);
  await ben.seesNo(".reaction");
}));

test("with the keyboard one goes among messages and dialogs, and is never lost", options, together(async () => {
  await ben.says("Anybody there?");
  await ada.hears("Anybody there?");
  const { keyboard } = ada.page;
  const isOn = (/** @type {string} */ selector) =>
    until(`${selector} to have the focus`, () => ada.page.evaluate((wanted) => document.activeElement?.matches(wanted), selector));
  await isOn("#composer-text");
  for (let step = 0; step < 20 && !(await ada.page.evaluate(() => document.activeElement?.id === "scroller")); step += 1) {
    await keyboard.down("Shift");
    await keyboard.press("Tab");
    await keyboard.up("Shift");
  }
  await isOn("#scroller");
  await keyboard.press("ArrowUp");
  await isOn("#messages .message");
  await keyboard.press("r");
  await isOn("#composer-text");
  await keyboard.type("Here");
  await keyboard.press("Enter");
  await ben.sees(".quote", "Anybody there");
  await keyboard.down("Control");
  await keyboard.press("k");
  await keyboard.up("Control");
  await isOn("dialog input");
  await keyboard.press("Escape");
  await isOn("#composer-text");
  await keyboard.type("The cursor is back");
  await keyboard.press("Enter");
  await ben.hears("The cursor is back");
}));

test("where WebSocket is blocked, the conversation goes on over long-poll", options, together(async () => {
  network.blocksWebSocket = true;
  network.cut();
  network.mend();
  await ada.page.reload();
  await ada.isIn();
  await ada.sees("#status", "slow network mode");
  await ada.says("By the slow road");
  await ben.hears("By the slow road");
  await ben.says("An answer");
  await ada.hears("An answer");
  await ada.act("By the slow road", "react");
  await ada.click("#emoji-palette button", "👍");
  await ben.sees(".reaction", "👍1");
  for (const each of [ada, ben]) await each.hasHeardExactly(["By the slow road", "An answer"]);
  network.blocksWebSocket = false;
}));

test("nothing but the page's own scripts runs, and nothing that people write becomes one", options, together(async () => {
  await (await Voice.of(cluster.url, "Mallory")).says(room, "<img src=x onerror=window.pwned=1>", "<script>window.pwned=1</script>");
  await ada.hears("<script>window.pwned=1</script>");
  const stopped = await ada.page.evaluate(async () => {
    const refused = new Promise((resolve) => document.addEventListener("securitypolicyviolation", resolve, { once: true }));
    const script = document.createElement("script");
    try {
      script.textContent = "window.pwned = 1";
    } catch {
      // Trusted Types refuse it even before the policy for scripts does.
    }
    document.body.append(script);
    await refused;
    return /** @type {any} */ (window).hubbubViolations.splice(0).length;
  });
  assert.ok(stopped > 0, "the page's policy is in force");
  await until("Firefox to say so as well", () => ada.faults.length > 0);
  for (const fault of ada.faults.splice(0)) assert.match(fault, /Content-Security-Policy/);
  assert.equal(await ada.page.evaluate(() => "pwned" in window), false);
}));

function fromEnd() {
  return ada.page.$eval("#scroller", (node) => node.scrollHeight - node.clientHeight - node.scrollTop);
}
