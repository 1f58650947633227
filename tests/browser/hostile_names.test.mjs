// Names, titles, addresses, storage and servers that try to be something else: they name, and the page stays itself.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { HOSTILE, HOSTILE_NAMES } from "./support/corpus.mjs";
import { createRoom, startInstance } from "./support/programs.mjs";
import { scene } from "./support/scene.mjs";
import { isUnharmed } from "./support/unharmed.mjs";
import { onlyOnce } from "./support/transport.mjs";
import { until } from "./support/until.mjs";
import { Voice } from "./support/voice.mjs";

/** @type {import("./support/programs.mjs").Server} */
let instance;
/** @type {import("./support/programs.mjs").Server} */
let second;
// Whoever visits is there until the end, however long that takes.
const LIMITS = { HUBBUB__LIMITS__SENDS: "100000", HUBBUB__LIMITS__ROOM_SENDS: "100000" };
const env = { ...LIMITS, HUBBUB__TIMING__POLL_DEADLINE: "10m" };
before(async () => void ([instance, second] = await Promise.all([startInstance({ env }), startInstance({ env })])));
after(() => Promise.all([instance?.end(), second?.end()]));
const server = () => instance;

test("hostile names are names", scene(server, async ({ person, room }) => {
  const taken = [];
  for (const name of HOSTILE_NAMES) {
    // The server need not take every name; those it takes must be harmless.
    const guest = await Voice.of(instance.url, name).catch(() => null);
    if (!guest) continue;
    taken.push(name);
    await guest.visits(room);
    await guest.says(room, `I am number ${taken.length}`);
    await guest.types(room);
  }
  assert.ok(taken.length >= 40, `taken: ${taken.join(" ")}`);
  const ada = await person("Ada", { tall: true });
  await ada.hears(`I am number ${taken.length}`);
  assert.deepEqual(await ada.page.locator("#messages .author").allTextContents(), taken);
  const here = async () => (await ada.page.locator("#member-list .name").allTextContents()).filter((name) => name !== ada.name);
  // Who is here arrives apart from what was said, at its own pace.
  await until("everybody in the list", async () => (await here()).length >= taken.length);
  assert.deepEqual((await here()).sort(), taken.sort());
  await isUnharmed(ada, "in the lists");
  for (const name of taken.slice(0, 8)) {
    await ada.page.locator("#messages .author", { hasText: name }).first().click();
    await ada.sees("#dialog-title", name);
    await isUnharmed(ada, `about ${name}`);
    await ada.page.keyboard.press("Escape");
    // When it goes, the focus moves once more, which would close the offer.
    await ada.page.locator("dialog").waitFor({ state: "detached" });
    await ada.types(`@${name.slice(0, 3)}`);
    await ada.page.locator("#mention-list li").first().waitFor();
    await isUnharmed(ada, `offered for ${name.slice(0, 3)}`);
    await ada.page.keyboard.press("Tab");
    assert.match(await ada.page.locator("#composer-text").inputValue(), /^@/);
    await ada.page.locator("#composer-send").click();
  }
  await until("all mentions", async () => (await ada.texts()).length === taken.length + 8);
  await isUnharmed(ada, "mentioned");
}));

/** One line of visible letters, as titles are. */
const TITLES = HOSTILE.filter((title) => [...title].length <= 80 && title === title.trim() && !/[\p{C}\p{Zl}\p{Zp}]/u.test(title));

// The list of rooms shows 200, so each half has a server of its own.
for (const [half, titles] of [TITLES.slice(0, TITLES.length / 2), TITLES.slice(TITLES.length / 2)].entries()) {
  const own = () => /** @type {import("./support/programs.mjs").Server} */ (half === 0 ? instance : second);
  test(`hostile titles are titles, half ${half + 1}`, scene(own, async ({ person, room }) => {
    assert.ok(titles.length >= 100 && titles.length < 200);
    await Promise.all(titles.map((title, index) => createRoom(own(), `${room}-${index}`, title)));
    const ada = await person("Ada");
    await until("all rooms in the list", async () => {
      const names = await ada.page.locator(".room .name").allTextContents();
      return titles.every((title) => names.includes(title));
    });
    await isUnharmed(ada, "listed");
    for (const index of [0, 20, 40, 60]) {
      const title = /** @type {string} */ (titles[index]);
      await ada.page.locator(`#other-rooms [data-room="${room}-${index}"] a`).click();
      await until(title, async () => (await ada.page.locator("#room-title").textContent()) === title);
      await ada.isIn();
      await ada.page.locator("#room-options").click();
      await until("its options", async () => (await ada.page.locator("#dialog-title").textContent()) === title);
      await isUnharmed(ada, title);
      await ada.page.keyboard.press("Escape");
    }
    await ada.page.keyboard.press("Control+k");
    await until("the switcher", () => ada.page.locator("#switcher-list [role=option]").count());
    await isUnharmed(ada, "to choose from");
  }));
}

test("private rooms and who invites to them are called by text", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  const mallory = await Voice.of(instance.url, "<i id=pwned>Mallory</i>");
  const titles = TITLES.filter((_, index) => index % 5 === 0);
  await mallory.does(titles.map((title) => ({ type: "create", title, invite: [ada.name] })));
  await until("all invitations", async () => (await ada.page.locator("#private-rooms .name").count()) >= titles.length);
  assert.deepEqual((await ada.page.locator("#private-rooms .name").allTextContents()).sort(), titles.sort());
  await isUnharmed(ada, "listed");
  await ada.page.locator("#private-rooms a").first().click();
  await ada.sees("#away-list .name", "<i id=pwned>Mallory</i>");
  await isUnharmed(ada, "open");
}));

test("a hostile address opens the lobby, and the page says why", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  let opened = 0;
  for (const text of HOSTILE.filter((_, index) => index % 25 === 0)) {
    const where = `${ada.url}/r/${encodeURIComponent(text)}?${encodeURIComponent(text)}#${text.replaceAll(/\s/g, "")}`;
    const answer = await ada.page.goto(where);
    if (!answer?.ok()) continue;
    await ada.isIn();
    await isUnharmed(ada, text);
    opened += 1;
  }
  assert.ok(opened > 5, `${opened} of them opened the page`);
  await ada.page.goto(`${ada.url}/r/%3Cimg%20src%3Dx%20onerror%3Dpwned%3D1%3E`);
  await ada.isIn();
  await ada.sees("#room-title", "lobby");
  await ada.sees("#notice-text", "names no room");
  assert.ok(ada.page.url().endsWith("/r/lobby"));
  await isUnharmed(ada);
}));

test("a page whose storage somebody filled is a page", scene(server, async ({ person, room }) => {
  const ada = await person("Ada");
  for (const text of HOSTILE.filter((_, index) => index % 40 === 0)) {
    await ada.page.evaluate(([value = ""]) => {
      const spoilt = [value, JSON.stringify(value), JSON.stringify([value]), JSON.stringify({ [value]: value, id: value, name: value, text: value })];
      for (const [index, key] of Object.keys(localStorage).entries()) {
        if (key !== "hubbub:signed-in") localStorage.setItem(key, spoilt[index % spoilt.length] ?? "");
      }
      for (const [index, key] of ["draft:lobby", "read:x", "user", "rooms:x", "levels:ada", "muted:ada", value].entries()) {
        localStorage.setItem(`hubbub:${key}`, spoilt[index % spoilt.length] ?? "");
      }
    }, [text]);
    await ada.page.goto(`${ada.url}/r/${room}`);
    await ada.isIn();
    await isUnharmed(ada, text);
  }
}));

test("a server that says anything at all gets nothing to run", onlyOnce("it is the frames of a WebSocket that are spoilt on their way"), scene(server, async ({ person, room }) => {
  const mallory = await Voice.of(instance.url, "Mallory");
  const texts = HOSTILE.slice(0, 40);
  const positions = await mallory.says(room, ...texts);
  await mallory.does(positions.map((target) => ({ type: "react", room, target, emoji: "🎉", on: true })));
  await mallory.does(positions.map((target, index) => ({ type: "send", room, reply_to: target, text: `re ${index}` })));
  const ada = await person("Ada", { room: "lobby", tall: true });
  let turn = 0;
  const next = () => HOSTILE[(turn += 1) % HOSTILE.length];
  // What leads from frame to frame stays true; everything that is shown, and every id and key, is not.
  const kept = new Set(["type", "room", "position", "head", "read", "reply_to", "target", "after", "before", "prev", "build", "instance"]);
  await ada.page.routeWebSocket(/\/ws$/, (socket) => {
    const far = socket.connectToServer();
    far.onMessage((frame) => {
      const isGreeting = String(frame).includes('"type":"hello"');
      socket.send(isGreeting ? frame : JSON.stringify(JSON.parse(String(frame)), (key, value) => (typeof value === "string" && !kept.has(key) ? next() : value)));
    });
  });
  await ada.page.goto(`${ada.url}/r/${room}`);
  await until("messages", async () => (await ada.page.locator("#messages .text").count()) >= 40);
  await until("members", () => ada.page.locator("#member-list .name").count());
  await isUnharmed(ada, "history");
  await mallory.says(room, ...texts);
  await mallory.types(room);
  await until("live ones", async () => (await ada.page.locator("#messages .text").count()) >= 75);
  await ada.says("Answered with nonsense");
  await ada.page.locator("#search-toggle").click();
  await ada.page.locator("#search-text").fill("pwned");
  await until("an answer", async () => (await ada.page.locator("#search-status").textContent()) !== "");
  await isUnharmed(ada, "live");
  assert.ok(turn > 400, `${turn} texts`);
}));

test("no answer of the server is broken open by what was asked", async () => {
  const { url } = instance;
  const page = await (await fetch(`${url}/r/lobby`)).text();
  const json = { "content-type": "application/json", origin: url };
  for (const text of HOSTILE) {
    const where = encodeURIComponent(text);
    const asked = await Promise.all([
      fetch(`${url}/r/${where}`),
      fetch(`${url}/${where}?${where}`),
      fetch(`${url}/api/v1/rooms/${where}/messages?before=${where}`),
      fetch(`${url}/api/v1/session`, { method: "POST", headers: json, body: text }),
      fetch(`${url}/api/v1/session`, { method: "POST", headers: json, body: JSON.stringify({ name: { [text]: text } }) }),
      fetch(`${url}/api/v1/frames`, { method: "POST", headers: json, body: JSON.stringify({ frames: [{ type: text, id: text, room: text }] }) }),
      fetch(`${url}/ws?token=${where}`),
    ]);
    for (const response of asked) {
      const body = await response.text();
      const what = `${response.url} (${response.status}): ${body.slice(0, 200)}`;
      assert.ok(response.status < 500, what);
      assert.ok(![...response.headers].some(([name, value]) => `${name} ${value}`.includes("pwned") && !name.startsWith("location")), what);
      const kind = response.headers.get("content-type") ?? "";
      if (kind.startsWith("text/html")) assert.equal(body, page, what);
      else if (kind.startsWith("application/json")) assert.doesNotThrow(() => JSON.parse(body), what);
      else assert.ok(kind.startsWith("text/plain") || body === "", `${kind} ${what}`);
      if (kind.startsWith("text/")) assert.equal(response.headers.get("x-content-type-options"), "nosniff", what);
    }
  }
});
