// On plain http, by a name that is not localhost, browsers leave much out: service workers, notifications, Web Locks,
// randomUUID, the clipboard. The page does without, and says so only where somebody asks.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startCluster } from "./support/programs.mjs";
import { scene } from "./support/scene.mjs";

/** @type {import("./support/programs.mjs").Server} */
let cluster;
before(async () => void (cluster = await startCluster()));
after(() => cluster?.end());
const server = () => cluster;
const host = "hubbub.test";

test("two people talk, read and look for rooms on plain http", scene(server, async ({ person, secondTab, room }) => {
  const ada = await person("Ada", { host });
  const ben = await person("Ben", { host, elsewhere: ada });
  const missing = await ada.page.evaluate(() => ({
    secure: isSecureContext,
    there: ["serviceWorker", "locks", "clipboard"].filter((name) => name in navigator),
    uuid: typeof crypto.randomUUID,
  }));
  assert.deepEqual(missing, { secure: false, there: [], uuid: "undefined" });
  await ada.says("Plain as day");
  await ben.hears("Plain as day");
  await ben.says("Indeed");
  await ada.hasHeardExactly(["Plain as day", "Indeed"]);
  const tab = await secondTab(ada);
  await ada.turns(true);
  await tab.turns(true);
  await ben.says(`Psst, @${ada.name}`);
  await ada.sees(".badge.calls", "@ 1");
  await tab.turns(false);
  await ada.seesNo(".badge");
  await ada.page.keyboard.press("Control+k");
  await ada.page.locator("dialog input").fill(`${room}-b`);
  await ada.page.keyboard.press("Enter");
  await ada.sees("#room-title", `${room}-b`);
}));

test("what is not there is explained to whoever asks for it", scene(server, async ({ person, room }) => {
  const ada = await person("Ada", { host });
  await ada.page.locator("#room-options").click();
  await ada.sees("dialog .notify-state", "There are no notifications here");
  await ada.page.getByRole("button", { name: "Copy link" }).click();
  await ada.sees("dialog .told", /Copied|Selected/);
  const selected = await ada.page.evaluate(() => {
    const field = /** @type {HTMLInputElement} */ (document.querySelector("dialog input.field"));
    return field.value.slice(field.selectionStart ?? 0, field.selectionEnd ?? 0);
  });
  assert.equal(selected, `${ada.url}/r/${room}`);
}));
