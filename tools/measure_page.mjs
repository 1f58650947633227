// Measures what the page costs in a room of 10,000 messages, beside its targets, and fails when one is missed. With --keep
// the table in docs/page.md is replaced; --rounds N (5 otherwise) says how often each time is taken. The program is the one
// that HUBBUB_BIN names: `make page-bench` builds and names the release. The browser is driven without its network tools,
// which playwright always has on: to tell somebody of each frame takes the page as long as the frame itself.

import { parseArgs } from "node:util";
import puppeteer from "puppeteer-core";
import { BURST, Crowd, MANY, NO_LIMITS, climbs, noteArrivals, opens, rendererMemory, takesBurst } from "../tests/browser/support/long_room.mjs";
import { startInstance } from "../tests/browser/support/programs.mjs";
import { Wire } from "../tests/browser/support/wire.mjs";
import { circumstances, show } from "./page_figures.mjs";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "5" }, keep: { type: "boolean", default: false } } });
const ROUNDS = Math.max(1, Number(values.rounds));

const instance = await startInstance({ env: NO_LIMITS });
/** @type {{ what: string, value: number, most: number, unit: string, all: number[] }[]} */
const figures = [];
let version = "";
try {
  const crowd = await Crowd.of(instance.url, "Crowd");
  const last = await crowd.says("long", MANY);
  const fresh = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    fresh.push(await visit(`Newcomer ${round}`, ({ page }) => opens(page, "long", last)));
  }
  times("a room one has not joined yet: from the click to its latest page", fresh, 100);
  await visit("Reader", async ({ page, tab, whole, network, browser }) => {
    version = (await browser.version()).replace("Chrome/", "");
    /** @type {[number[], number[], number[]]} */
    const [joined, bursts, worked] = [[], [], []];
    await opens(page, "long", last);
    const { drift, times: moves, nodes } = await climbs(page);
    const memory = await rendererMemory(tab, whole);
    for (let round = 0; round < ROUNDS; round += 1) {
      await page.click('#sidebar [data-room="lobby"] a');
      joined.push(await opens(page, "long", last));
    }
    for (let round = 0; round < ROUNDS; round += 1) {
      const burst = await takesBurst(page, tab, network, crowd, "long");
      bursts.push(burst.ms);
      worked.push(burst.worked);
    }
    times("a room one is in: from the click to its latest page", joined, 100);
    times(`${BURST.toLocaleString("en")} messages at once: from the first to the paint of the last`, bursts, 100);
    times("the main thread's work in that", worked, Number.POSITIVE_INFINITY);
    figures.push({ what: `nodes at most, scrolling up all ${MANY.toLocaleString("en")} messages`, value: nodes, most: 3_000, unit: "", all: [] });
    figures.push({ what: `drift of what one reads at worst, ${moves} times older rows`, value: drift, most: 1, unit: "px", all: [] });
    figures.push({ what: "memory of the page's process (PSS) at the top of the room", value: memory, most: 100, unit: "MB", all: [] });
    figures.push({ what: "the same after the bursts", value: await rendererMemory(tab, whole), most: 100, unit: "MB", all: [] });
  });
} finally {
  await instance.end();
}

const digits = (/** @type {string} */ unit) => (unit === "px" ? 2 : 0);
const rows = figures.map(({ what, value, most, unit, all }) => [
  what, Number.isFinite(most) ? `≤ ${most.toLocaleString("en")} ${unit}`.trim() : "", `${value.toFixed(digits(unit))} ${unit}`.trim(),
  all.map((each) => each.toFixed()).join(" "), !Number.isFinite(most) ? "" : value <= most ? "yes" : "**no**",
]);
rows.push([circumstances(`Chromium ${version}`), "", "", "", ""]);
await show("measured", ["", "target", "measured", "each", "met"], rows, values.keep);
process.exit(figures.every(({ value, most }) => value <= most) ? 0 : 1);

/** The middle one of several. @param {string} what @param {number[]} all @param {number} most */
function times(what, all, most) {
  const sorted = all.toSorted((a, b) => a - b);
  figures.push({ what, value: sorted[Math.floor(sorted.length / 2)] ?? Number.NaN, most, unit: "ms", all });
}

/**
 * @typedef {import("../tests/browser/support/long_room.mjs").Page} Page
 * @typedef {import("puppeteer-core").CDPSession} Session
 */

/**
 * Somebody signs in, in a browser of their own, and looks at the lobby.
 * @template T
 * @param {string} name
 * @param {(there: { page: Page, tab: Session, whole: Session, network: Wire, browser: import("puppeteer-core").Browser }) => Promise<T>} story
 */
async function visit(name, story) {
  const network = await new Wire(instance.url).open();
  const browser = await puppeteer.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
    defaultViewport: { width: 1200, height: 800 },
    networkEnabled: false,
    issuesEnabled: false,
  });
  try {
    const page = await browser.newPage();
    /** @type {string[]} */
    const faults = [];
    page.on("pageerror", (error) => faults.push(String(error)));
    await page.evaluateOnNewDocument(noteArrivals);
    await page.goto(`${network.url}/r/lobby`);
    await page.locator("#sign-in-name").fill(name);
    await page.locator("#sign-in-form-button").click();
    await page.waitForFunction(() => /^[1-9]/.test(document.getElementById("members-count")?.textContent ?? ""));
    const [tab, whole] = [await page.createCDPSession(), await browser.target().createCDPSession()];
    // Of what is called here, puppeteer's pages have the same names and meanings.
    const told = await story({ page: /** @type {any} */ (page), tab, whole, network, browser });
    if (faults.length > 0) throw new Error(faults.join("\n"));
    return told;
  } finally {
    await browser.close();
    network.close();
  }
}
