// What the operator does reaches the page: rooms that are closed, notices, people who may no longer come in.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { administer, createRoom, startCluster } from "./support/programs.mjs";
import { scene } from "./support/scene.mjs";

/** @type {import("./support/programs.mjs").Server} */
let cluster;
before(async () => void (cluster = await startCluster({ env: { HUBBUB__ROOMS__CREATE: "api" } })));
after(() => cluster?.end());
const server = () => cluster;

test("a closed room says so, and what is written into it fails with the reason", scene(server, async ({ person, room }) => {
  await createRoom(cluster, room, "Pop-up");
  const ada = await person("Ada");
  await ada.says("While it lasts");
  await ada.hears("While it lasts");
  await administer(cluster, "DELETE", `rooms/${room}`);
  await ada.sees(".remark-text", "This room was closed.");
  await ada.sees(`#joined-rooms [data-room="${room}"] .count`, "closed");
  await ada.says("Too late");
  await ada.sees(".failed .fate-text", "Not sent: this room was closed.");
  await ada.page.locator(".failed .delete").click();
  await ada.seesNo(".failed .text");
  assert.deepEqual(await ada.texts(), ["While it lasts"]);
  await createRoom(cluster, room, "Pop-up");
  await ada.page.locator(`#joined-rooms [data-room="${room}"] a`).click();
  await ada.isIn();
  await ada.says("Open again");
  await ada.hears("Open again");
}));

test("a room that is closed takes no other room along", scene(server, async ({ person, room }) => {
  await createRoom(cluster, room, "Pop-up");
  const ada = await person("Ada");
  const ben = await person("Ben", { room: "lobby", elsewhere: ada });
  await ada.joins("lobby");
  await administer(cluster, "DELETE", `rooms/${room}`);
  await ada.sees(`#joined-rooms [data-room="${room}"] .count`, "closed");
  await ben.says("The lobby goes on");
  await ada.hears("The lobby goes on");
  await ada.says("So it does");
  await ben.hears("So it does");
}));

test("a room that is not there is refused with the reason", scene(server, async ({ person, room }) => {
  const ada = await person("Ada", { room: "lobby" });
  await ada.page.locator("#join-name").fill(room);
  await ada.page.locator("#join-form button").click();
  await ada.sees(".remark-text", `There is no room called ${room}.`);
  await ada.sees(`#joined-rooms [data-room="${room}"] .count`, "no such room");
  await ada.says("Anybody?");
  await ada.sees(".failed .fate-text", "Not sent: this room no longer exists.");
  await ada.page.locator(".failed .delete").click();
  await ada.leaves(room);
  await ada.sees("#room-title", /lobby/i);
  await ada.says(`${ada.name} is back in the lobby`);
  await ada.hears(`${ada.name} is back in the lobby`);
  await ada.page.reload();
  await ada.isIn();
  await ada.seesNo(`#joined-rooms [data-room="${room}"]`);
}));

test("a notice reaches everybody, one to a room those in it", scene(server, async ({ person, room }) => {
  await createRoom(cluster, room, "");
  const ada = await person("Ada");
  const ben = await person("Ben", { room: "lobby", elsewhere: ada });
  const cleo = await person("Cleo", { elsewhere: ada });
  await administer(cluster, "POST", "notice", { text: "Back in five minutes" });
  for (const each of [ada, ben, cleo]) await each.sees("#notice-text", "Back in five minutes");
  await ada.page.locator("#notice-close").click();
  await ada.seesNo("#notice");
  await administer(cluster, "POST", "notice", { text: "Please be kind", room });
  for (const each of [ada, cleo]) await each.sees(".remark-text", "Please be kind");
  await ben.seesNo(".remark-text", "Please be kind");
  await ada.seesNo("#notice");
}));
