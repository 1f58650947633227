// Two people with real browsers in a room that others fill while things break: one over WebSocket, one whose network
// lets no WebSocket through, so that their page polls. `hubbub-chaos` runs this program beside a row, tells it what to
// do in lines of JSON, and judges the lines it answers.
//
//   {"id":1,"do":"open","url":…,"room":…}    signs both in; answers {"id":1,"pages":[{"name":…,"over":…}]}
//   {"id":2,"do":"begin","people":14}        waits until both see so many people, and reports from then on
//   {"id":3,"do":"shown"}                    answers {"id":3,"shown":[[text, …], …]}: what stands on each page
//   {"id":4,"do":"end"}                      closes the browser and ends; so does the end of the input
//
// Without being asked it says {"saw":…,"page":…,…} for what is seen, with how long the page had heard nothing from the
// server (`silent_ms`). With --check it says what is missing to run at all.

import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { Wire } from "../../tests/browser/support/wire.mjs";
import { collectFaults } from "../../tests/browser/support/watch.mjs";
import { recordSightings } from "./sightings.mjs";

/**
 * @typedef {import("./sightings.mjs").Sighting} Sighting
 * @typedef {{ name: string, over: "websocket" | "long_poll", page: import("playwright-core").Page }} Watcher
 */

const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const ARGS = [
  "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
/** Under load a page takes its time to sign in. */
const PATIENCE_MS = 40_000;

/** What is missing, for people; empty if nothing is. */
async function missing() {
  if (!existsSync(CHROMIUM)) return `there is no Chromium at ${CHROMIUM} (CHROMIUM=… names another)`;
  const found = await import("playwright-core").then(() => true, () => false);
  return found ? "" : "playwright-core is not installed (npm ci)";
}

/** @param {object} line */
function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

class Watch {
  /** @type {import("playwright-core").Browser | null} */ #browser = null;
  /** @type {Wire | null} */ #wire = null;
  /** @type {Watcher[]} */ #people = [];
  /** When each page heard from the server for the last time. @type {number[]} */ #heardAt = [];
  #reports = false;

  /** @param {any} order */
  async obey(order) {
    switch (order.do) {
      case "open":
        return { pages: await this.#open(order.url, order.room) };
      case "begin":
        await this.#begin(order.people);
        return {};
      case "shown":
        return { shown: await Promise.all(this.#people.map(({ page }) => shownOn(page))) };
      default:
        throw new Error(`nobody knows how to ${order.do}`);
    }
  }

  async end() {
    this.#reports = false;
    await this.#browser?.close();
    this.#wire?.close();
  }

  /** @param {string} url @param {string} room */
  async #open(url, room) {
    const { chromium } = await import("playwright-core");
    this.#browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
    this.#wire = await new Wire(url).open();
    this.#wire.blocksWebSocket = true;
    await this.#enter("Watcher Socket", "websocket", `${url}/r/${room}`);
    await this.#enter("Watcher Poll", "long_poll", `${this.#wire.url}/r/${room}`);
    return this.#people.map(({ name, over }) => ({ name, over }));
  }

  /** @param {string} name @param {Watcher["over"]} over @param {string} url */
  async #enter(name, over, url) {
    const context = await /** @type {import("playwright-core").Browser} */ (this.#browser).newContext({
      viewport: { width: 1200, height: 800 }, // Wide enough for the list of who is here.
      locale: "en-GB",
    });
    context.setDefaultTimeout(PATIENCE_MS);
    const number = this.#people.length;
    await context.exposeFunction("hubbubSaw", (/** @type {Sighting} */ sighting) => this.#saw(number, sighting));
    await context.addInitScript(recordSightings);
    const page = await context.newPage();
    this.#people.push({ name, over, page });
    this.#listen(number, page);
    await page.goto(url);
    await page.locator("#sign-in-name").fill(name);
    await page.locator("#sign-in-form-button").click();
    await page.locator("#members-count").filter({ hasText: /^[1-9]/ }).waitFor();
  }

  /**
   * Notes when the server was heard, and faults of the page.
   * @param {number} number @param {import("playwright-core").Page} page
   */
  #listen(number, page) {
    const heard = () => (this.#heardAt[number] = Date.now());
    page.on("websocket", (socket) => socket.on("framereceived", heard));
    page.on("response", async (response) => {
      if (!response.url().endsWith("/api/v1/poll")) return;
      // An instance without its store answers 504, too, and the link is not lost by that; the balancer's own says "timeout".
      const text = await response.text().catch(() => "");
      if (response.status() === 200 || (response.status() === 504 && text.includes('"unavailable"'))) heard();
    });
    /** @type {string[]} */
    const faults = [];
    faults.push = (...texts) => {
      for (const text of texts) this.#report({ saw: "fault", page: number, at: Date.now(), text, state: "" });
      return 0;
    };
    collectFaults(page, faults);
    page.on("load", () => void faults.push("the page was loaded again"));
  }

  /** @param {number} people */
  async #begin(people) {
    const isWhole = (/** @type {number} */ wanted) => document.querySelectorAll("#member-list .member").length === wanted;
    for (const { page } of this.#people) await page.waitForFunction(isWhole, people);
    this.#reports = true;
  }

  /** @param {number} number @param {Sighting} sighting */
  #saw(number, { kind, at, text, state }) {
    const heard = this.#heardAt[number];
    this.#report({ saw: kind, page: number, at, text, state, silent_ms: heard === undefined ? null : Math.max(0, at - heard) });
  }

  /** @param {object} line */
  #report(line) {
    if (this.#reports) say(line);
  }
}

/**
 * The messages on screen that the server has, from the top.
 * @param {import("playwright-core").Page} page @returns {Promise<string[]>}
 */
function shownOn(page) {
  return page.locator("#messages .row:not(.pending):not(.failed) .text").allTextContents();
}

async function main() {
  const lack = await missing();
  if (process.argv.includes("--check")) {
    process.stdout.write(lack);
    return;
  }
  if (lack !== "") throw new Error(lack);
  const watch = new Watch();
  for await (const line of createInterface({ input: process.stdin })) {
    const order = JSON.parse(line);
    if (order.do === "end") break;
    const answer = await watch.obey(order).catch((error) => ({ error: String(error) }));
    say({ id: order.id, ...answer });
  }
  await watch.end();
}

main().then(
  () => process.exit(0),
  (error) => {
    process.stderr.write(`${error}\n`);
    process.exit(1);
  },
);
