// Takes the pictures in docs/images: one instance, a cast of four who plan an evening, and the page as one of them sees
// it. Run it with `npm run screenshots` after a change of the look.

import { mkdir, stat } from "node:fs/promises";
import { chromium } from "playwright-core";
import { hue } from "../static/js/lib/dom.js";
import { createRoom, startInstance } from "../tests/browser/support/programs.mjs";
import { Voice } from "../tests/browser/support/voice.mjs";

const IMAGES = new URL("../docs/images/", import.meta.url);
const ME = "Mara Holm";
const CAST = ["Jonas Weber", "Priya Nair", "Tom Okafor"];
const DAY = "2026-05-14";

/** Who says what, when and where. The server stamps messages with its own clock, so the page is told these times. */
const LOBBY = [
  ["Jonas Weber", "17:42", "Board games at mine on Thursday? I have the big table back."],
  ["Priya Nair", "17:44", "Yes! Count me in."],
  ["Priya Nair", "17:44", "I can bring Cascadia, it plays well with four"],
  [ME, "17:51", "Four it is. I get off at seven, so half past?"],
  ["Tom Okafor", "17:58", "Half past works. Is the 12 still diverted around the bridge?"],
  ["Jonas Weber", "18:03", "Until Friday. Get off at Mill Lane and walk, it is five minutes: https://example.org/mill-lane"],
  ["Jonas Weber", "18:04", "And nobody brings crisps this time, I am making flatbread 🫓"],
  ["Tom Okafor", "18:05", "Then I bring something to put on it"],
  [ME, "18:12", "Hummus, please. The one from the market."],
  ["Tom Okafor", "18:13", "Done."],
];
const GARDEN = [
  ["Priya Nair", "16:20", "The beans are up, all of them"],
  [ME, "16:31", "Even the ones by the wall?"],
  ["Priya Nair", "16:32", "Even those. I owe you a coffee."],
];
const GARDEN_NEWS = [
  ["Tom Okafor", "18:10", "Could somebody water on Saturday? We are away until Sunday evening."],
  ["Jonas Weber", "18:11", "I can"],
];
const BOOKS = [["Jonas Weber", "12:05", "Next one is Piranesi, yes? I have a spare copy."]];

const times = new Map([...LOBBY, ...GARDEN, ...GARDEN_NEWS, ...BOOKS].map(([, at, text]) => [text, Date.parse(`${DAY}T${at}:00Z`)]));

const instance = await startInstance();
const browser = await chromium.launch({
  executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars"],
});
try {
  await takePictures();
} finally {
  await browser.close();
  await instance.end();
}
process.exit(0);

async function takePictures() {
  await mkdir(IMAGES, { recursive: true });
  await createRoom(instance, "garden", "Allotment 14");
  await createRoom(instance, "books", "Book club");
  await createRoom(instance, "repair-cafe", "Repair café");
  const voices = await gather([ME, ...CAST]);
  await tell(voices, "lobby", LOBBY);
  await tell(voices, "garden", GARDEN);
  await tell(voices, "books", BOOKS);
  await Promise.all([
    of(voices, "Jonas Weber").visits("lobby", "garden", "books"),
    of(voices, "Priya Nair").visits("lobby", "garden", "repair-cafe"),
    of(voices, "Tom Okafor").visits("lobby", "garden", "books"),
  ]);
  const [, session = ""] = /=(.*)/.exec(of(voices, ME).cookie) ?? [];
  const pictures = [
    { file: "desktop.png", viewport: { width: 1240, height: 780 }, colorScheme: "light" },
    { file: "desktop-dark.png", viewport: { width: 1240, height: 780 }, colorScheme: "dark" },
    { file: "phone.png", viewport: { width: 390, height: 844 }, colorScheme: "light", isMobile: true, hasTouch: true },
  ];
  /** @type {import("playwright-core").Page[]} */
  const pages = [];
  for (const { file: _, ...look } of pictures) pages.push(await openPage(look, session));
  await tell(voices, "garden", GARDEN_NEWS);
  await Promise.all(pages.map((page) => page.locator(".badge", { hasText: "2" }).waitFor({ state: "attached" })));
  await of(voices, "Priya Nair").types("lobby");
  for (const [index, page] of pages.entries()) {
    const file = new URL(/** @type {{ file: string }} */ (pictures[index]).file, IMAGES);
    await page.locator("#typing", { hasText: "is typing" }).waitFor();
    await page.screenshot({ path: file.pathname });
    console.log(file.pathname, `${Math.ceil((await stat(file)).size / 1024)} KiB`);
  }
}

/** Colours follow from the ids, which are random; whoever would look like somebody else signs in again.
 * @param {string[]} names */
async function gather(names) {
  /** @type {Map<string, Voice>} */
  const voices = new Map();
  for (const name of names) {
    let voice = await Voice.of(instance.url, name);
    const isLike = (/** @type {Voice} */ other) => {
      const apart = Math.abs(hue(other.id) - hue(voice.id));
      return Math.min(apart, 360 - apart) < 60;
    };
    for (let tries = 0; tries < 20 && [...voices.values()].some(isLike); tries += 1) {
      await voice.goes();
      voice = await Voice.of(instance.url, name);
    }
    voices.set(name, voice);
  }
  return voices;
}

/** Whoever is asked for belongs to the cast. @param {Map<string, Voice>} voices @param {string} name */
function of(voices, name) {
  const voice = voices.get(name);
  if (!voice) throw new Error(`${name} is not in the cast`);
  return voice;
}

/** One after the other, because the order of the conversation is the order in which it is told.
 * @param {Map<string, Voice>} voices @param {string} room @param {string[][]} lines */
async function tell(voices, room, lines) {
  for (const [name = "", , text = ""] of lines) await of(voices, name).says(room, text);
}

/** @param {object} look @param {string} session */
async function openPage(look, session) {
  const context = await browser.newContext({ ...look, deviceScaleFactor: 1.5, locale: "en-GB", timezoneId: "UTC" });
  await context.addCookies([{ name: "hubbub_session", value: session, url: instance.url }]);
  const page = await context.newPage();
  await page.clock.setFixedTime(new Date(`${DAY}T18:14:00Z`));
  await page.routeWebSocket(/\/ws$/, (socket) => {
    const server = socket.connectToServer();
    server.onMessage((frame) => socket.send(retime(String(frame))));
  });
  await page.addInitScript(() => {
    // The rooms an earlier visit joined; the key holds the user's id, which the page alone knows.
    const get = Storage.prototype.getItem;
    Storage.prototype.getItem = function (name) {
      return name.startsWith("hubbub:rooms:") ? '["lobby","garden","books"]' : get.call(this, name);
    };
  });
  await page.goto(instance.url);
  await page.locator("#messages .text").nth(LOBBY.length - 1).waitFor();
  await page.locator("#member-list .member, #members-count").first().waitFor();
  await page.evaluate(() => /** @type {HTMLElement | null} */ (document.activeElement)?.blur());
  return page;
}

/** Moves every message to its time in the story. @param {string} text */
function retime(text) {
  return JSON.stringify(JSON.parse(text), (_, value) => {
    const at = value?.type === "message" ? times.get(value.text) : undefined;
    return at === undefined ? value : { ...value, at };
  });
}
