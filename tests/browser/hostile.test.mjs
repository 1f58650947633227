// Text that tries to be something else: in messages, in names and in the titles of rooms it stays text.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createRoom, startInstance } from "./support/programs.mjs";
import { scene } from "./support/scene.mjs";
import { until } from "./support/until.mjs";
import { Voice } from "./support/voice.mjs";

/** @typedef {import("./support/person.mjs").Person} Person */

/** @type {import("./support/programs.mjs").Server} */
let instance;
before(async () => void (instance = await startInstance({ env: { HUBBUB__LIMITS__SENDS: "1000" } })));
after(() => instance?.end());
const server = () => instance;

// Each one sets `pwned` if any part of the page takes it for more than text.
const HOSTILE = [
  "<script>window.pwned=1</script>",
  "<img src=x onerror=window.pwned=1>",
  "<svg onload=window.pwned=1>",
  "<svg><script>window.pwned=1</script></svg>",
  "<iframe srcdoc='<script>parent.pwned=1</script>'></iframe>",
  "<iframe src=javascript:parent.pwned=1>",
  "<body onload=window.pwned=1>",
  "<details open ontoggle=window.pwned=1>",
  "<input autofocus onfocus=window.pwned=1>",
  "<video><source onerror=window.pwned=1></video>",
  "<a href=javascript:window.pwned=1>click</a>",
  "<math><mi xlink:href=javascript:window.pwned=1>x</mi></math>",
  "<style>@import 'javascript:window.pwned=1'</style>",
  "<base href=javascript:window.pwned=1//>",
  "<meta http-equiv=refresh content='0;url=javascript:window.pwned=1'>",
  "<object data=javascript:window.pwned=1></object>",
  "<template><script>window.pwned=1</script></template>",
  "\"><script>window.pwned=1</script>",
  "'-(window.pwned=1)-'",
  "`${window.pwned=1}`",
  "{{constructor.constructor('window.pwned=1')()}}",
  "javascript:window.pwned=1",
  "https://example.org/\"onmouseover=\"window.pwned=1",
  "https://example.org/<script>window.pwned=1</script>",
  "data:text/html,<script>window.pwned=1</script>",
  "</p></article><script>window.pwned=1</script>",
  "<!--><script>window.pwned=1</script>-->",
  "&lt;script&gt;window.pwned=1&lt;/script&gt;",
  "`<script>window.pwned=1</script>` **<img src=x onerror=window.pwned=1>** ```<svg onload=window.pwned=1>```",
  "\u202e<script>window.pwned=1</script>",
];
// A name has room for 32 characters.
const NAMES = [
  "<script>pwned=1</script>", "<img src=x onerror=pwned=1>", "<svg onload=pwned=1>", "<b onclick=pwned=1>x", "\"><i id=pwned>",
  "<a href=javascript:pwned=1>x", "'-(pwned=1)-'", "{{pwned=1}}", "javascript:pwned=1", "__proto__", "constructor", "&lt;b&gt;",
];

test("hostile messages are shown as they were written", scene(server, async ({ person, room }) => {
  const mallory = await Voice.of(instance.url, "Mallory");
  await mallory.says(room, ...HOSTILE);
  const ada = await person("Ada");
  await ada.hasHeardExactly(HOSTILE);
  // And again while one is there, which takes the other way through the page: live, and read out to screen readers.
  const live = HOSTILE.map((text) => `live ${text}`);
  await mallory.says(room, ...live);
  await ada.hasHeardExactly([...HOSTILE, ...live]);
  // And as one's own, which go through the list of unsent ones.
  await ada.says(/** @type {string} */ (HOSTILE[1]));
  await ada.hasHeardExactly([...HOSTILE, ...live, /** @type {string} */ (HOSTILE[1])]);
  const links = await ada.page.locator("#messages a").evaluateAll((all) => all.map((link) => link.getAttribute("href") ?? ""));
  assert.ok(links.length > 0 && links.every((href) => href.startsWith("https://example.org/")), links.join("\n"));
  await isUnharmed(ada);
}));

test("hostile names are names", scene(server, async ({ person, room }) => {
  const taken = [];
  for (const name of NAMES) {
    // The server need not take every name; those it takes must be harmless.
    const guest = await Voice.of(instance.url, name).catch(() => null);
    if (!guest) continue;
    taken.push(name);
    await guest.visits(room);
    await guest.says(room, `I am number ${taken.length}`);
  }
  assert.ok(taken.length >= 6, `taken: ${taken.join(" ")}`);
  const ada = await person("Ada");
  await ada.hears(`I am number ${taken.length}`);
  assert.deepEqual(await ada.page.locator("#messages .author").allTextContents(), taken);
  const here = async () => (await ada.page.locator("#member-list .name").allTextContents()).filter((name) => name !== ada.name);
  // Who is here arrives apart from what was said, at its own pace.
  await until("everybody in the list", async () => (await here()).length >= taken.length);
  assert.deepEqual((await here()).sort(), taken.sort());
  await isUnharmed(ada);
}));

test("hostile titles are titles", scene(server, async ({ person, room }) => {
  const titles = HOSTILE.filter((title) => title.length <= 80 && !title.startsWith("\u202e"));
  assert.ok(titles.length >= 20);
  await Promise.all(titles.map((title, index) => createRoom(instance, `${room}-${index}`, title)));
  const ada = await person("Ada");
  for (const index of [0, 1, 2]) {
    await ada.page.goto(`${ada.url}/r/${room}-${index}`);
    await ada.isIn();
    await ada.sees("#room-title", /** @type {string} */ (titles[index]));
    await ada.sees(`#joined-rooms [data-room="${room}-${index}"] .name`, /** @type {string} */ (titles[index]));
  }
  await until("all rooms in the list", async () => {
    const names = await ada.page.locator(".room .name").allTextContents();
    return titles.every((title) => names.includes(title));
  });
  await isUnharmed(ada);
}));

test("a hostile address opens the lobby, and the page says why", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  await ada.page.goto(`${ada.url}/r/%3Cimg%20src%3Dx%20onerror%3Dpwned%3D1%3E`);
  await ada.isIn();
  await ada.sees("#room-title", "lobby");
  await ada.sees("#notice-text", "names no room");
  assert.ok(ada.page.url().endsWith("/r/lobby"));
  await isUnharmed(ada);
}));

/** No script ran, and no element came about that the page's own templates do not have. @param {Person} person */
async function isUnharmed({ page }) {
  const found = await page.evaluate(() => ({
    pwned: "pwned" in window && !(/** @type {any} */ (window).pwned instanceof Element),
    foreign: [...document.body.querySelectorAll("*")]
      .filter((node) => {
        const isOurs = node.closest("svg")?.matches("button svg, svg.lock, svg.room-lock");
        const names = "MAIN FORM H1 H2 IMG SPAN P LABEL INPUT BUTTON DIV A NAV HEADER UL OL LI SECTION FOOTER TEXTAREA ASIDE TEMPLATE ARTICLE B TIME NOSCRIPT STRONG CODE H3 DIALOG SELECT OPTION";
        return !isOurs && !names.split(" ").includes(node.tagName);
      })
      .map((node) => node.outerHTML.slice(0, 80)),
    handlers: [...document.querySelectorAll("*")].flatMap((node) =>
      node.getAttributeNames().filter((name) => name.startsWith("on")).map((name) => `${node.tagName} ${name}`),
    ),
    images: [...document.images].map((image) => image.src).filter((src) => !src.endsWith("/icon.svg")),
  }));
  assert.deepEqual(found, { pwned: false, foreign: [], handlers: [], images: [] });
}
