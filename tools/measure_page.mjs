// Measures what the page costs in a room of 10,000 messages, beside its targets, and fails when one is missed. With --keep
// the table in docs/page.md is replaced; --rounds N (5 otherwise) says how often each time is taken. The program is the one
// that HUBBUB_BIN names: `make page-bench` builds and names the release.

import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { BURST, Crowd, MANY, NO_LIMITS, climbs, noteArrivals, opens, rendererMemory, takesBurst } from "../tests/browser/support/long_room.mjs";
import { Person } from "../tests/browser/support/person.mjs";
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
    fresh.push(await visit(`Newcomer ${round}`, (ada) => opens(ada, "long", last)));
  }
  times("a room one has not joined yet: from the click to its latest page", fresh, 100);
  await visit("Reader", async (ada, network, browser) => {
    version = browser.version();
    /** @type {[number[], number[], number[]]} */
    const [joined, bursts, worked] = [[], [], []];
    await opens(ada, "long", last);
    const { drift, times: moves, nodes } = await climbs(ada);
    const memory = await rendererMemory(ada);
    for (let round = 0; round < ROUNDS; round += 1) {
      await ada.page.locator('#sidebar [data-room="lobby"] a').click();
      joined.push(await opens(ada, "long", last));
    }
    for (let round = 0; round < ROUNDS; round += 1) {
      const burst = await takesBurst(ada, network, crowd, "long");
      bursts.push(burst.ms);
      worked.push(burst.worked);
    }
    times("a room one is in: from the click to its latest page", joined, 100);
    times(`${BURST.toLocaleString("en")} messages at once: from the first to the paint of the last`, bursts, 100);
    times("the main thread's work in that", worked, Number.POSITIVE_INFINITY);
    figures.push({ what: `nodes at most, scrolling up all ${MANY.toLocaleString("en")} messages`, value: nodes, most: 3_000, unit: "", all: [] });
    figures.push({ what: `drift of what one reads at worst, ${moves} times older rows`, value: drift, most: 1, unit: "px", all: [] });
    figures.push({ what: "memory of the page's process (PSS) at the top of the room", value: memory, most: 100, unit: "MB", all: [] });
    figures.push({ what: "the same after the bursts", value: await rendererMemory(ada), most: 100, unit: "MB", all: [] });
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
 * Somebody signs in, in a browser of their own, and looks at the lobby.
 * @template T
 * @param {string} name @param {(person: Person, network: Wire, browser: import("playwright-core").Browser) => Promise<T>} story
 */
async function visit(name, story) {
  const network = await new Wire(instance.url).open();
  const browser = await chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
  });
  try {
    const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, locale: "en-GB" });
    await context.addInitScript(noteArrivals);
    /** @type {string[]} */
    const faults = [];
    const person = new Person(name, await context.newPage(), network.url, faults);
    await person.enters("lobby");
    const told = await story(person, network, browser);
    if (faults.length > 0) throw new Error(faults.join("\n"));
    return told;
  } finally {
    await browser.close();
    network.close();
  }
}
