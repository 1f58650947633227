// With a keyboard and nothing else: no pointer touches these pages, and no test puts the focus anywhere.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { pill, row } from "./support/deeds.mjs";
import { Keys } from "./support/keys.mjs";
import { startCluster } from "./support/programs.mjs";
import { scene, takeWholeBrowser } from "./support/scene.mjs";
import { until } from "./support/until.mjs";
import { Voice } from "./support/voice.mjs";

takeWholeBrowser();

/** @type {import("./support/programs.mjs").Server} */
let cluster;
before(async () => void (cluster = await startCluster({ env: { HUBBUB__LIMITS__SENDS: "1000" } })));
after(() => cluster?.end());
const server = () => cluster;

const MESSAGE = "#messages .message";
const WRITING = "#composer-text";

/** @typedef {import("./support/person.mjs").Person} Person */

test("one signs in, changes rooms, reads back, and is told what is wrong", scene(server, async ({ person, room }) => {
  const lines = Array.from({ length: 120 }, (_, index) => `Line ${index}`);
  await (await Voice.of(cluster.url, `Chronicler of ${room}`)).says(room, ...lines);
  const ben = await person("Ben");
  const ada = await person("Ada", { room: `${room}-other`, outside: true });
  const keys = new Keys(ada);
  await keys.isOn("#sign-in-name");
  await keys.press("Enter");
  await ada.sees("#sign-in-error", "Type a name first.");
  await keys.signsIn();
  await ada.isIn();
  await keys.isOn(WRITING);
  await keys.types("One line");
  await keys.press("Shift+Enter");
  await keys.types("and another");
  await keys.press("Enter");
  await ada.hasHeardExactly(["One line\nand another"]);
  await keys.tabTo("#join-name", "Shift+Tab");
  await keys.types(room);
  await keys.press("Enter");
  await ada.hears("Line 119");
  await keys.isOn(WRITING);
  await keys.press("Control+k");
  await keys.isOn("dialog input");
  await keys.types(`${room}-other`);
  await keys.press("Enter");
  await ada.sees("#room-title", `${room}-other`);
  await keys.isOn(WRITING);
  await keys.tabTo(`#joined-rooms [data-room="${room}"] a`, "Shift+Tab");
  await keys.press("Enter");
  await ada.hears("Line 119");
  await keys.isOn(WRITING);
  await keys.tabTo("#scroller", "Shift+Tab");
  // At the very top, or the page would still be moving up when one goes back down.
  await until("the first line", async () => {
    await keys.press("PageUp");
    const isAtTop = await ada.page.locator("#scroller").evaluate((node) => node.scrollTop === 0);
    return isAtTop && (await ada.texts()).includes("Line 0");
  });
  await ada.sees("#jump", "Jump to latest");
  await ben.says("New at the end");
  await ada.sees("#jump", "1 new message");
  await keys.tabTo("#jump");
  await keys.press("Enter");
  await ada.hears("New at the end");
  await ada.seesNo("#jump");
  await keys.isOn("#scroller");
  await keys.press("Escape");
  await keys.isOn(WRITING);
}));

test("one answers, mentions, reacts, edits, deletes and signs out", scene(server, async ({ person }) => {
  const ben = await person("Ben");
  await ben.says("Anybody there?");
  const ada = await person("Ada", { outside: true });
  const keys = new Keys(ada);
  await keys.signsIn();
  await ada.hears("Anybody there?");
  await keys.isOn(WRITING);
  await keys.tabTo("#scroller", "Shift+Tab");
  await keys.press("ArrowUp");
  await keys.isOn(MESSAGE);
  await keys.press("r");
  await keys.isOn(WRITING);
  await ada.sees("#replying", `Replying to ${ben.name}`);
  await keys.types("I am, @be");
  await ada.sees("#mention-list li", ben.name);
  await keys.press("Enter");
  await keys.press("Backspace");
  await keys.press("Enter");
  const text = `I am, @${ben.name}`;
  await row(ben, text).locator(".quote", { hasText: "Anybody there?" }).waitFor();
  await row(ben, text).locator(".mention.own").waitFor();
  await ada.hears(text);
  await keys.isOn(WRITING);
  await keys.tabTo("#scroller", "Shift+Tab");
  await keys.press("ArrowUp");
  await keys.press("ArrowUp");
  await keys.press("Enter");
  await keys.isOn("#action-react");
  await keys.press("ArrowRight");
  await keys.isOn("#action-reply");
  await keys.press("ArrowLeft");
  await keys.press("Enter");
  await keys.isOn("#emoji-palette button");
  await keys.press("ArrowRight");
  await keys.press("Enter");
  await pill(ben, "Anybody there?", "❤️", 1).waitFor();
  await keys.isOn("#action-react");
  await keys.press("Escape");
  await keys.isOn(MESSAGE);
  await keys.press("Escape");
  await keys.isOn(WRITING);
  await keys.press("ArrowUp");
  await keys.isOn(".editor textarea");
  await keys.types(", really");
  await keys.press("Enter");
  await ben.hears(`${text}, really`);
  await keys.isOn(WRITING);
  await keys.tabTo("#scroller", "Shift+Tab");
  await keys.press("ArrowUp");
  await keys.press("Delete");
  await keys.isOn("#action-delete.armed");
  await keys.press("Enter");
  await ben.hasHeardExactly(["Anybody there?", "This message was deleted."]);
  // What is still on its way is asked about on signing out.
  await ada.hears("This message was deleted.");
  await keys.isOn(MESSAGE);
  await keys.press("Escape");
  await keys.isOn(WRITING);
  await keys.tabTo("#sign-out", "Shift+Tab");
  await keys.press("Enter");
  await keys.isOn("#sign-in-name");
  await keys.press("Enter");
  await ada.isIn();
}));

test("whoever would lose something is asked before they sign out, and told so", scene(server, async ({ person }) => {
  const ada = await person("Ada", { outside: true });
  const keys = new Keys(ada);
  await keys.signsIn();
  await ada.isIn();
  await keys.isOn(WRITING);
  await keys.types("A draft");
  await keys.tabTo("#sign-out", "Shift+Tab");
  await keys.press("Enter");
  await keys.isOn("#sign-out.armed");
  await ada.sees("#sign-out-question[role=alert]", "What you have not sent is lost.");
  await keys.press("Escape");
  await keys.isOn("#sign-out:not(.armed)");
  await ada.seesNo("#sign-out-question");
  // Who holds the key down has not read the question.
  for (let again = 0; again < 3; again += 1) await ada.page.keyboard.down("Enter");
  await ada.page.keyboard.up("Enter");
  await keys.isOn("#sign-out.armed");
  // Nor does it sign in again what it has signed out.
  await ada.page.keyboard.down("Enter");
  await keys.isOn("#sign-in-name");
  for (let again = 0; again < 3; again += 1) await ada.page.keyboard.down("Enter");
  await ada.page.keyboard.up("Enter");
  await keys.isOn("#sign-in-name");
  await keys.press("Enter");
  await ada.isIn();
  await keys.isOn(WRITING);
  assert.equal(await ada.page.locator(WRITING).inputValue(), "");
}));

test("one searches, goes to what was found and back", scene(server, async ({ person, room }) => {
  const tomatoes = Array.from({ length: 30 }, (_, index) => `Tomato ${index}`);
  const ben = await person("Ben");
  await (await Voice.of(cluster.url, `Gardener of ${room}`)).says(room, ...tomatoes);
  await ben.hears("Tomato 29");
  const ada = await person("Ada", { outside: true });
  const keys = new Keys(ada);
  await keys.signsIn();
  await ada.hears("Tomato 29");
  await keys.tabTo("#search-toggle", "Shift+Tab");
  await keys.press("Enter");
  await keys.isOn("#search-text");
  await keys.types("tomato");
  await keys.press("Enter");
  await ada.sees("#search-status", "20+ messages");
  await keys.tabTo("#search-more");
  await keys.press("Enter");
  await ada.sees("#search-status", "30 messages");
  await keys.isOn("#search-results li:nth-child(21) .result");
  await keys.press("Enter");
  await keys.isOn(MESSAGE);
  assert.match(await ada.page.evaluate(() => document.activeElement?.textContent ?? ""), /Tomato 9/);
  await keys.press("Escape");
  await keys.isOn(WRITING);
  await keys.tabTo("#search-close");
  await keys.press("Enter");
  await keys.isOn("#search-toggle");
}));

test("what goes away when it is pressed leaves one near where one was", scene(server, async ({ person, wire, room }) => {
  const network = await wire();
  const ada = await person("Ada", { wire: network, outside: true });
  const keys = new Keys(ada);
  await keys.signsIn();
  await ada.isIn();
  await keys.isOn(WRITING);
  await keys.tabTo("#join-name", "Shift+Tab");
  await keys.types(`${room}-b`);
  await keys.press("Enter");
  await ada.sees("#room-title", `${room}-b`);
  await keys.isOn(WRITING);
  await keys.tabTo(`#joined-rooms [data-room="${room}"] .leave`, "Shift+Tab");
  await keys.press("Enter");
  await ada.seesNo(`#joined-rooms [data-room="${room}"]`);
  await keys.isOn("#joined-rooms a");
  network.cut();
  await ada.sees("#try-now", /./);
  await keys.tabTo("#try-now", "Tab", { comesAndGoes: true });
  // An attempt of the page's own may come first, and then the button goes by itself.
  await ada.returns(network, () => keys.press("Enter"));
  await ada.seesNo("#try-now");
  await keys.isSomewhere();
  await keys.tabTo("#settings-open", "Shift+Tab");
  await keys.press("Enter");
  await keys.isOn("dialog *");
  await keys.press("Escape");
  await keys.isOn("#settings-open");
}));

test("whoever is on a room of the list stays on it when the list is sorted anew", scene(server, async ({ person, room }) => {
  const [upper, lower] = [`${room}-a`, `${room}-b`];
  const ben = await Voice.of(cluster.url, `Ben of ${room}`);
  for (const name of [upper, lower]) await ben.says(name, "Here");
  const ada = await person("Ada", { outside: true });
  const keys = new Keys(ada);
  await keys.signsIn();
  await keys.isOn(WRITING);
  const rows = ada.page.locator(`#other-rooms [data-room="${upper}"], #other-rooms [data-room="${lower}"]`);
  const isFirst = async (/** @type {string} */ name) => (await rows.allTextContents())[0]?.includes(name);
  await until("the list", () => isFirst(upper));
  await keys.tabTo(`#other-rooms [data-room="${lower}"] a`, "Shift+Tab");
  await ben.visits(lower);
  await until("another order", async () => {
    // The page asks for the list when somebody looks at it again.
    await ada.page.evaluate(() => void document.dispatchEvent(new Event("visibilitychange")));
    return isFirst(lower);
  });
  await keys.isOn(`#other-rooms [data-room="${lower}"] a`);
}));
