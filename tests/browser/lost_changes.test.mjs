// Redis fails over to a copy that lacks what was changed last: every page ends with what the log says.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { act, pill, react, rewrite } from "./support/deeds.mjs";
import { startCluster } from "./support/programs.mjs";
import { scene } from "./support/scene.mjs";
import { Standby } from "./support/standby.mjs";
import { until } from "./support/until.mjs";
import { Voice } from "./support/voice.mjs";

/** @typedef {import("./support/person.mjs").Person} Person */

/** @type {import("./support/programs.mjs").Server} */
let cluster;
/** @type {Standby} */
let standby;
before(async () => {
  cluster = await startCluster({ env: { HUBBUB__LIMITS__SENDS: "1000" } });
  standby = await Standby.of(cluster);
});
after(async () => {
  standby?.end();
  await cluster?.end();
});
const server = () => cluster;

const TEXTS = ["First", "Second", "Third"];
const GONE = "This message was deleted.";

test("changes that a failover took are done again by the pages of those who made them", scene(server, async ({ person, room }) => {
  const reader = await Voice.of(cluster.url, `Reader of ${room}`);
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  await saysAll(ada, ben);
  await standby.fallsBehind();
  await changeAll(ada, ben);
  await ben.says("Said in between");
  await ada.hears("Said in between");
  await standby.takesOver();
  const expected = ["First, better 👍", "Second", GONE, "Said in between"];
  /** Of the same look, as the next one may fail until all connections are back. @type {Set<string | undefined>} */
  let epochs = new Set();
  await until("the log to say it again", async () => {
    const messages = await reader.looksBack(room).catch(() => []);
    epochs = new Set(messages.map(({ position }) => position.split("-")[0]));
    return isDeepStrictEqual(inWords(messages), expected);
  }, 30_000);
  assert.equal(epochs.size, 2, "what was said in between had been lost");
  for (const each of [ada, ben]) {
    await shows(each, ["First, better", "Second", GONE, "Said in between"]);
    await pill(each, "First, better", "👍", 1).waitFor();
    await each.seesNo(".fate");
  }
}));

test("changes that nobody makes again are shown no longer, whether one saw them come or read them later", scene(server, async ({ person, room }) => {
  // The failover of the test before may not be over for all.
  const reader = await until("the store to be back", () => Voice.of(cluster.url, `Reader of ${room}`).catch(() => null), 30_000);
  await standby.follows();
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  const dan = await person("Dan");
  const cleo = await person("Cleo", { room: `${room}-other` });
  await saysAll(ada, ben);
  await standby.fallsBehind();
  await changeAll(ada, dan);
  await shows(ben, ["First, better", "Second", GONE]);
  await pill(ben, "First, better", "👍", 1).waitFor();
  await cleo.joins(room);
  await shows(cleo, ["First, better", "Second", GONE]);
  await pill(cleo, "First, better", "👍", 1).waitFor();
  await ada.page.close();
  await dan.page.close();
  await standby.takesOver();
  for (const each of [ben, cleo]) {
    await shows(each, TEXTS);
    await each.seesNo(".reaction");
    await each.seesNo("[data-edited]");
  }
  await ben.says("All as before");
  for (const each of [ben, cleo]) await shows(each, [...TEXTS, "All as before"]);
  // An instance may not be back yet after the failover.
  const expected = [...TEXTS, "All as before"];
  const log = () => reader.looksBack(room).catch(() => []);
  await until("the log to say so", async () => isDeepStrictEqual(inWords(await log()), expected));
}));

/** @param {Person} speaker @param {Person} listener */
async function saysAll(speaker, listener) {
  for (const text of TEXTS) await speaker.says(text);
  for (const each of [speaker, listener]) {
    await each.hears(...TEXTS);
    await shows(each, TEXTS);
  }
}

/** After an outage that takes its time. @param {Person} person @param {string[]} texts */
async function shows(person, texts) {
  await until(`${person.name} to see ${texts}`, async () => isDeepStrictEqual(await person.texts(), texts), 30_000);
}

/** What messages of the log say, with their reactions. @param {Awaited<ReturnType<Voice["looksBack"]>>} messages */
function inWords(messages) {
  return messages.map(({ text, deleted, reactions = [] }) => [deleted ? GONE : text, ...reactions.map(({ emoji }) => emoji)].join(" "));
}

/** One writes "First" anew and deletes "Third", the other reacts to the first. @param {Person} author @param {Person} other */
async function changeAll(author, other) {
  await act(author, "First", "edit");
  await rewrite(author, "First, better");
  await act(author, "Third", "delete");
  await author.page.locator("#action-delete").click();
  await shows(other, ["First, better", "Second", GONE]);
  await react(other, "First, better", "👍");
  await pill(author, "First, better", "👍", 1).waitFor();
}
