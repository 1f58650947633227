// The service worker, with stand-ins for what a browser gives it: it keeps one build, whole or not at all, and answers
// for nothing else.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { beforeEach, test } from "node:test";
import vm from "node:vm";

const SOURCE = await readFile(new URL("../../static/sw.js", import.meta.url), "utf8");
const ORIGIN = "https://chat.example";
const OURS = "/a/aaaaaaaaaaaa";
const OTHER = "/a/bbbbbbbbbbbb";

/** Caches by name, what the network says, and what was done. */
let world;

/** A worker of our build, whose network answers as `network` does. */
function start(network) {
  const text = SOURCE.replaceAll("%ASSETS%", OURS).replace('["%FILES%"]', '["js/main.js", "css/app.css"]');
  const listeners = {};
  const stores = new Map();
  const asked = [];
  const path = (request) => (typeof request === "string" ? request : new URL(request.url).pathname);
  const fetch = async (request) => {
    asked.push(path(request));
    return network(path(request));
  };
  const open = async (name) => {
    if (!stores.has(name)) stores.set(name, new Map());
    const store = stores.get(name);
    return {
      addAll: async (paths) => {
        const answers = await Promise.all(paths.map(async (each) => [each, await fetch(each)]));
        if (answers.some(([, { ok }]) => !ok)) throw new TypeError("not all there");
        for (const [each, answer] of answers) store.set(each, answer);
      },
      put: async (each, answer) => void store.set(each, answer),
    };
  };
  const clients = {
    claim: async () => {}, windows: [], opened: [],
    matchAll: async () => clients.windows,
    openWindow: async (address) => void clients.opened.push(address),
  };
  const context = {
    URL, Promise, TypeError, setTimeout: (act, ms) => setTimeout(act, ms / 100), fetch, clients,
    location: { origin: ORIGIN },
    addEventListener: (type, act) => (listeners[type] = act),
    caches: {
      open,
      keys: async () => [...stores.keys()],
      delete: async (name) => stores.delete(name),
      match: async (request, { cacheName }) => stores.get(cacheName)?.get(path(request)),
    },
  };
  vm.runInNewContext(text, context);
  const dispatch = async (type, more = {}) => {
    let held = null;
    const event = { waitUntil: (promise) => (held = promise), respondWith: (promise) => (held = promise), ...more };
    listeners[type](event);
    return held === null ? null : { answer: await held };
  };
  const get = (address, more = {}) =>
    dispatch("fetch", { request: { method: "GET", mode: "no-cors", url: new URL(address, ORIGIN).href, ...more } });
  return { stores, asked, clients, dispatch, get };
}

const page = (build) => answer(`<script src="${build}/js/main.js">`);

function answer(body, status = 200) {
  return { body, status, ok: status < 400, clone: () => ({ text: async () => body }) };
}

const served = (path) => (path === "/" ? page(OURS) : answer(`text of ${path}`));

beforeEach(() => {
  world = start(served);
});

test("it keeps the page and all files of its build", async () => {
  await world.dispatch("install");
  assert.deepEqual([...world.stores.keys()], [`hubbub${OURS}`]);
  assert.deepEqual([...world.stores.get(`hubbub${OURS}`).keys()].sort(), ["/", `${OURS}/css/app.css`, `${OURS}/js/main.js`]);
});

test("where another instance answers with another build, it is not installed", async () => {
  world = start((path) => (path === "/" ? page(OTHER) : answer("")));
  await assert.rejects(world.dispatch("install"), /another build/);
  world = start((path) => (path === "/" ? page(OURS) : answer("", 404)));
  await assert.rejects(world.dispatch("install"), /not all there/);
});

test("once it takes over, the files of builds before it go, and nobody else's", async () => {
  world.stores.set(`hubbub${OTHER}`, new Map());
  world.stores.set("somebody-else", new Map());
  await world.dispatch("install");
  await world.dispatch("activate");
  assert.deepEqual([...world.stores.keys()].sort(), [`hubbub${OURS}`, "somebody-else"]);
});

test("files of its build come from the cache, those of any other are none of its business", async () => {
  await world.dispatch("install");
  world.asked.length = 0;
  assert.equal((await world.get(`${OURS}/js/main.js`)).answer.body, `text of ${OURS}/js/main.js`);
  assert.deepEqual(world.asked, []);
  assert.equal(await world.get(`${OTHER}/js/main.js`), null);
  assert.equal(await world.get(`${OURS}b/js/main.js`), null);
});

test("what is said, who we are, and other sites it leaves alone", async () => {
  await world.dispatch("install");
  for (const address of ["/api/v1/session", "/api/v1/poll", "/ws", "/primus", "/livez", "/sw.js", "https://elsewhere.example/"]) {
    assert.equal(await world.get(address), null, address);
    assert.equal(await world.get(address, { mode: "navigate" }), null, address);
  }
  assert.equal(await world.get("/", { method: "POST", mode: "navigate" }), null);
});

test("the page comes from the server while there is one, and is kept by nobody on the way", async () => {
  await world.dispatch("install");
  world.asked.length = 0;
  for (const address of ["/", "/r/lobby"]) {
    assert.ok(await world.get(address, { mode: "navigate" }));
    assert.ok(world.asked.includes(address));
  }
  assert.equal(world.stores.get(`hubbub${OURS}`).size, 3);
});

test("without a server, or with a broken or silent one, the page is the one of its build", async () => {
  let state = served;
  world = start((path) => state(path));
  await world.dispatch("install");
  for (const failing of [
    () => Promise.reject(new TypeError("no network")), () => answer("Bad gateway", 502), () => new Promise(() => {}),
  ]) {
    state = failing;
    assert.equal((await world.get("/r/lobby", { mode: "navigate" })).answer.body, page(OURS).body);
  }
  state = () => answer("Gone", 404);
  assert.equal((await world.get("/r/lobby", { mode: "navigate" })).answer.status, 404, "the server's no is the server's");
});

test("a click on a notification brings a page with its room to the front, or opens one", async () => {
  const told = [];
  const notification = { close: () => told.push("closed"), data: { room: "d-1" } };
  await world.dispatch("notificationclick", { notification });
  assert.deepEqual(world.clients.opened, ["/r/d-1"]);
  world.clients.windows = [{ postMessage: (message) => told.push(message.room), focus: async () => told.push("focused") }];
  await world.dispatch("notificationclick", { notification });
  assert.deepEqual(told, ["closed", "closed", "d-1", "focused"]);
});
