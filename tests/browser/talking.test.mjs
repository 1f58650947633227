// People on two instances talk with each other, come back, and see who is there.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startCluster } from "./support/programs.mjs";
import { scene } from "./support/scene.mjs";
import { until } from "./support/until.mjs";

/** @type {import("./support/programs.mjs").Server} */
let cluster;
before(async () => void (cluster = await startCluster()));
after(() => cluster?.end());
const server = () => cluster;

test("two people on different instances talk both ways", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  assert.notEqual(ada.instance, ben.instance);
  await ada.says("Hello from one side");
  await ben.hears("Hello from one side");
  await ben.says("And back from the other");
  await ada.hears("And back from the other");
  const all = ["Hello from one side", "And back from the other"];
  await ada.hasHeardExactly(all);
  await ben.hasHeardExactly(all);
}));

test("a refresh keeps one signed in, in the room and with its history", scene(server, async ({ person, room }) => {
  const ada = await person("Ada");
  await ada.says("Before the refresh");
  await ada.hears("Before the refresh");
  await ada.page.reload();
  await ada.isIn();
  await ada.sees("#me-name", ada.name);
  await ada.hasHeardExactly(["Before the refresh"]);
  assert.ok(ada.page.url().endsWith(`/r/${room}`));
}));

test("others see that one is typing, until the message is there", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  await ben.isSeenTyping("hm", ada);
  await ben.says("Let me think");
  await ada.hears("Let me think");
  await ada.seesNo("#typing", "typing");
}));

test("a screen reader is told what others say from now on, and nothing of the past", scene(server, async ({ person }) => {
  const ben = await person("Ben");
  await ben.says("Long ago");
  await ben.hears("Long ago");
  const ada = await person("Ada", { elsewhere: ben });
  await ada.hears("Long ago");
  await ada.says("My own words");
  await ben.hears("My own words");
  await ben.says("Just now");
  const log = ada.page.locator("#announcer[role=log] p");
  await log.filter({ hasText: "Just now" }).waitFor({ state: "attached" });
  const told = await log.allTextContents();
  assert.equal(told.length, 1, told.join(" | "));
  assert.ok(told[0]?.startsWith(ben.name), told[0]);
}));

test("who is here follows people who join and leave", scene(server, async ({ person, room }) => {
  const ada = await person("Ada");
  await ada.seesPeople(1);
  const ben = await person("Ben", { elsewhere: ada });
  await ada.seesPeople(2);
  await ada.sees("#member-list .name", ben.name);
  await ben.leaves(room);
  await ada.seesPeople(1);
  await ada.seesNo("#member-list .name", ben.name);
}));

test("a room is made by typing its name, has an address, and is found by others", scene(server, async ({ person, room }) => {
  const ada = await person("Ada");
  const made = `${room}-garden`;
  await ada.joins(made);
  await ada.says("Tomatoes are in");
  await ada.hears("Tomatoes are in");
  const ben = await person("Ben", { room: made });
  await ben.hasHeardExactly(["Tomatoes are in"]);
  await ben.sees("#room-title", made);
  await ada.page.goBack();
  await ada.sees("#room-title", new RegExp(`^${room}$`));
  await ben.says("Did you water them?");
  await ada.sees(`#joined-rooms [data-room="${made}"] .badge`, "1");
  await ada.page.locator(`#joined-rooms [data-room="${made}"] a`).click();
  await ada.hears("Did you water them?");
  await ada.seesNo(`#joined-rooms [data-room="${made}"] .badge`);
}));

test("an address that names no room leads to the lobby, and the page says why", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  for (const address of ["Bücher%20Club", "book%20club", "a/b", "100%", ""]) {
    await ada.page.goto(`${ada.url}/r/${address}`);
    await ada.isIn();
    await ada.sees("#room-title", "lobby");
    await ada.sees("#notice-text", "The address you opened names no room. This is the lobby.");
    assert.ok(ada.page.url().endsWith("/r/lobby"), ada.page.url());
  }
}));

test("signing out in one tab ends the other one", scene(server, async ({ person, secondTab }) => {
  const ada = await person("Ada");
  const tab = await secondTab(ada);
  await ada.page.locator("#sign-out").click();
  // The other one may first ask for the same name, before it hears how the session ended.
  for (const each of [ada, tab]) await each.sees("#sign-in-note", "Pick a name and start talking.");
}));

test("a session that ends in mid-chat keeps the room, the draft and what is unsent", scene(server, async ({ person, wire, room }) => {
  const network = await wire();
  const ada = await person("Ada", { wire: network });
  const ben = await person("Ben", { elsewhere: ada });
  await ada.says("Before");
  await ben.hears("Before");
  network.cut();
  await ada.says("Unsent");
  await ada.sees(".pending .text", "Unsent");
  await ada.types("A draft");
  const cookies = await ada.page.context().cookies();
  const session = cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
  await fetch(`${cluster.url}/api/v1/session`, { method: "DELETE", headers: { cookie: session, origin: cluster.url } });
  await ada.returns(network);
  await ada.sees("#sign-in-note", "Sign in with the same name to carry on where you were; nothing you wrote is lost.");
  await ada.page.locator("#sign-in-form-button").click();
  await ada.isIn();
  await ada.sees("#room-title", new RegExp(`^${room}$`));
  assert.equal(await ada.page.locator("#composer-text").inputValue(), "A draft");
  // Under the new session nobody can know whether it was stored under the old one, so it may wait for a decision.
  await ada.sees("#messages .row .text", "Unsent");
  const again = ada.page.locator("#messages .retry:visible");
  await until("it to be said", async () => {
    if (await again.count()) await again.first().click({ timeout: 1_000 }).catch(() => {});
    return (await ben.message("Unsent").count()) > 0;
  });
}));
