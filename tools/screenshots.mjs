// Takes the pictures in docs/images: an instance, people who plan an evening (tools/pictures/stories.mjs), and the page as
// one of them sees it. Run it with `make screenshots` after a change of the look.

import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { hue } from "../static/js/lib/dom.js";
import { createRoom, startInstance } from "../tests/browser/support/programs.mjs";
import { until } from "../tests/browser/support/until.mjs";
import { Voice } from "../tests/browser/support/voice.mjs";
import { ARABIC, ENGLISH, GERMAN } from "./pictures/stories.mjs";

/**
 * @typedef {import("./pictures/stories.mjs").Story} Story
 * @typedef {import("./pictures/stories.mjs").Line} Line
 * @typedef {import("playwright-core").Page} Page
 * @typedef {{ file: string, look: object, rtl?: boolean, pose?: (page: Page) => Promise<void> }} Picture
 */

const IMAGES = fileURLToPath(new URL("../docs/images/", import.meta.url));
const DAY = "2026-05-14";
const DESKTOP = { viewport: { width: 1240, height: 780 }, deviceScaleFactor: 1.5 };
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 1.5, isMobile: true, hasTouch: true };
/** Two people whose colours are closer than this look alike. */
const APART = 40;

/** @type {[Story, string, Picture[]][]} */
const ALBUM = [
  [ENGLISH, "en-GB", [
    { file: "desktop.png", look: { ...DESKTOP, colorScheme: "light" } },
    { file: "desktop-dark.png", look: { ...DESKTOP, colorScheme: "dark" }, pose: pointAtMessage },
    { file: "phone.png", look: { ...PHONE, colorScheme: "light" } },
    { file: "phone-dark.png", look: { ...PHONE, colorScheme: "dark" }, pose: (page) => page.locator("#drawer-open").tap() },
  ]],
  [GERMAN, "de-DE", [{ file: "german.png", look: { ...DESKTOP, colorScheme: "light" }, pose: (page) => search(page, "halb") }]],
  [ARABIC, "en-GB", [{ file: "right-to-left.png", look: { ...DESKTOP, colorScheme: "light" }, rtl: true }]],
];

const place = await mkdtemp(join(tmpdir(), "hubbub-pictures-"));
const browser = await chromium.launch({
  executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars"],
  env: { ...process.env, FONTCONFIG_FILE: await fonts() },
});
try {
  await mkdir(IMAGES, { recursive: true });
  for (const [story, locale, pictures] of ALBUM) await tell(story, locale, pictures);
} finally {
  await browser.close();
  await rm(place, { recursive: true, force: true });
}
process.exit(0);

/** Readers see the page in their system's own letters; here Inter stands in for those of the common systems. */
async function fonts() {
  const file = join(place, "fonts.conf");
  await writeFile(file, `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
    <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
    ${["system-ui", "sans-serif", "sans", "DejaVu Sans"].map((family) => `<match target="pattern"><test name="family"><string>${family}</string></test>
      <edit name="family" mode="prepend" binding="strong"><string>Inter</string></edit></match>`).join("")}</fontconfig>`);
  return file;
}

/** @param {Story} story @param {string} locale @param {Picture[]} pictures */
async function tell(story, locale, pictures) {
  const instance = await startInstance({ env: { HUBBUB__LIMITS__SENDS: "1000" } });
  try {
    const voices = await gather(instance.url, [story.me, ...story.cast]);
    const of = (/** @type {string} */ name) => /** @type {Voice} */ (voices.get(name));
    const me = of(story.me);
    const read = await say(of, "lobby", story.lobby, story.lobby.findIndex(({ isNew }) => isNew));
    for (const { room, title, lines, read: seen = lines.length } of story.rooms) {
      await createRoom(instance, room, title);
      await me.reads(room, await say(of, room, lines, seen));
    }
    for (const { room, title, here } of story.others) {
      await createRoom(instance, room, title);
      for (const name of here) await of(name).visits(room);
    }
    const { secret, direct } = story;
    const [made] = await of(secret.by).does([{ type: "create", title: secret.title, invite: secret.invite }]);
    await say(of, made.room, secret.lines, 0);
    const [opened] = await of(direct.by).does([{ type: "direct", name: story.me }]);
    await say(of, opened.room, direct.lines, 0);
    const rooms = ["lobby", ...story.rooms.map(({ room }) => room)];
    for (const name of story.cast) await of(name).visits(...rooms);
    for (const picture of pictures) {
      const page = await openPage(instance.url, picture, { locale, me, rooms, read, story });
      await picture.pose?.(page);
      // Who is typing already is not told again until that is over.
      await until("somebody to type", async () => {
        await of(story.typing).types("lobby");
        return (await page.locator("#typing").textContent())?.includes(story.typing);
      });
      await shoot(page, picture.file);
      await page.context().close();
    }
  } finally {
    await instance.end();
  }
}

/**
 * Colours follow from the ids, which are random; whoever would look like somebody else signs in again.
 * @param {string} url @param {string[]} names
 */
async function gather(url, names) {
  /** @type {Map<string, Voice>} */
  const voices = new Map();
  for (const name of names) {
    let voice = await Voice.of(url, name);
    const isLike = (/** @type {Voice} */ other) => {
      const apart = Math.abs(hue(other.id) - hue(voice.id));
      return Math.min(apart, 360 - apart) < APART;
    };
    for (let tries = 0; tries < 60 && [...voices.values()].some(isLike); tries += 1) {
      await voice.goes();
      voice = await Voice.of(url, name);
    }
    voices.set(name, voice);
  }
  return voices;
}

/**
 * One after the other, because the order of the conversation is the order in which it is told.
 * @param {(name: string) => Voice} of @param {string} room @param {Line[]} lines @param {number} read
 * @returns {Promise<string>} the position of the last of so many lines
 */
async function say(of, room, lines, read) {
  /** @type {Map<string, string>} */
  const places = new Map();
  for (const { from, text, to, before, reactions = {} } of lines) {
    const reply = to === undefined ? {} : { reply_to: places.get(to) };
    const [{ position }] = /** @type {[any]} */ (await of(from).does([{ type: "send", room, text: before ?? text, ...reply }]));
    if (before !== undefined) await of(from).does([{ type: "edit", room, target: position, text }]);
    for (const [emoji, names] of Object.entries(reactions)) {
      for (const name of names) await of(name).does([{ type: "react", room, target: position, emoji, on: true }]);
    }
    places.set(text, position);
  }
  return [...places.values()][read - 1] ?? "0-0";
}

/**
 * @param {string} url @param {Picture} picture
 * @param {{ locale: string, me: Voice, rooms: string[], read: string, story: Story }} setting
 */
async function openPage(url, { look, rtl = false }, { locale, me, rooms, read, story }) {
  const context = await browser.newContext({ ...look, locale, timezoneId: "UTC" });
  const [, session = ""] = /=(.*)/.exec(me.cookie) ?? [];
  await context.addCookies([{ name: "hubbub_session", value: session, url }]);
  const page = await context.newPage();
  await page.clock.setFixedTime(new Date(`${DAY}T18:14:00Z`));
  await page.routeWebSocket(/\/ws$/, (socket) => {
    const server = socket.connectToServer();
    server.onMessage((frame) => socket.send(retell(String(frame), story, read)));
  });
  await page.addInitScript(([id, joined, direction]) => {
    localStorage.setItem("hubbub:signed-in", "true");
    localStorage.setItem(`hubbub:rooms:${id}`, JSON.stringify(joined));
    document.addEventListener("DOMContentLoaded", () => (document.documentElement.dir = String(direction)));
  }, /** @type {const} */ ([me.id, rooms, rtl ? "rtl" : "ltr"]));
  await page.goto(`${url}/r/lobby`);
  await page.locator("#messages .text").nth(story.lobby.length - 1).waitFor();
  await page.locator("#private-rooms .name").first().waitFor({ state: "attached" });
  await page.locator("#joined-rooms .badge").filter({ hasText: /\d/ }).first().waitFor({ state: "attached" });
  await page.locator("#members-count").filter({ hasText: String(story.cast.length + 1) }).waitFor();
  await page.evaluate(() => /** @type {HTMLElement | null} */ (document.activeElement)?.blur());
  return page;
}

/** The server stamps messages with its own clock, so the page is told the times of the story instead; and how far one has
 * read in the lobby, which an earlier picture has moved. @param {string} text @param {Story} story @param {string} read */
function retell(text, story, read) {
  const lines = [...story.lobby, ...story.rooms.flatMap((room) => room.lines), ...story.secret.lines, ...story.direct.lines];
  const times = new Map(lines.map((line) => [line.text, Date.parse(`${DAY}T${line.at}:00Z`)]));
  return JSON.stringify(JSON.parse(text), (_, value) => {
    if (value?.type === "joined" && value.room === "lobby") return { ...value, read };
    const at = value?.type === "message" ? times.get(value.text) : undefined;
    return at === undefined ? value : { ...value, at };
  });
}

/** @param {Page} page */
async function pointAtMessage(page) {
  await page.locator("#messages .text", { hasText: "flatbread" }).last().hover();
}

/** @param {Page} page @param {string} words */
async function search(page, words) {
  await page.locator("#search-toggle").click();
  await page.locator("#search-text").fill(words);
  await page.keyboard.press("Enter");
  await page.locator("#search-results .found").first().waitFor();
}

/** @param {Page} page @param {string} name */
async function shoot(page, name) {
  const file = join(IMAGES, name);
  await page.screenshot({ path: file, animations: "disabled" });
  // A page of few colours needs no more than 256, and the file becomes a third as large; without pngquant it stays.
  spawnSync("pngquant", ["--force", "--skip-if-larger", "--strip", "--quality", "80-98", "--output", file, file]);
  console.log(name, `${Math.ceil((await stat(file)).size / 1024)} KiB`);
}
