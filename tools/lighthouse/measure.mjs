// Lighthouse's opinion of the page: of the first visit and of a conversation, on a phone and on a desktop, with the program
// that HUBBUB_BIN names and a browser of its own. It fails when one of the four marks is below 100. With --keep the table
// in docs/page.md is replaced; --rounds N (3 otherwise) says of how many runs the middle one counts.

import { parseArgs } from "node:util";
import lighthouse, { desktopConfig } from "lighthouse";
import { chromium } from "playwright-core";
import puppeteer from "puppeteer-core";
import { freePort, startInstance } from "../../tests/browser/support/programs.mjs";
import { Voice } from "../../tests/browser/support/voice.mjs";
import { circumstances, show } from "../page_figures.mjs";

const CATEGORIES = ["performance", "accessibility", "best-practices", "seo"];
const TIMES = ["first-contentful-paint", "largest-contentful-paint", "total-blocking-time", "cumulative-layout-shift", "total-byte-weight"];

const { values } = parseArgs({ options: { rounds: { type: "string", default: "3" }, keep: { type: "boolean", default: false } } });
const rounds = Math.max(1, Number(values.rounds));

const instance = await startInstance({ env: { HUBBUB__LIMITS__SENDS: "1000" } });
const port = await freePort();
// Lighthouse comes by the port and works in the browser's own profile; playwright only starts and ends it.
const browser = await chromium.launch({
  executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run", "--disable-background-networking", `--remote-debugging-port=${port}`],
});
const rows = [];
let isPerfect = true;
try {
  const voice = await Voice.of(instance.url, "Chronicler");
  await voice.says("lobby", ...Array.from({ length: 50 }, (_, index) => `Line ${index + 1}, as long as what people usually say to each other`));
  for (const form of ["phone", "desktop"]) rows.push(await judge("the first visit", instance.url, form));
  await signIn();
  for (const form of ["phone", "desktop"]) rows.push(await judge("a conversation", `${instance.url}/r/lobby`, form));
} finally {
  const version = browser.version();
  await browser.close();
  await instance.end();
  const head = ["", ...CATEGORIES.map((name) => name.replace("-", " ")), "FCP", "LCP", "blocked", "shift", "bytes"];
  rows.push([circumstances(`Chromium ${version}, Lighthouse 12`), ...head.slice(1).map(() => "")]);
  await show("lighthouse", head, rows, values.keep);
}
process.exit(isPerfect ? 0 : 1);

/** @param {string} what @param {string} url @param {string} form */
async function judge(what, url, form) {
  const runs = [];
  for (let round = 0; round < rounds; round += 1) {
    runs.push(await run(url, form, 3));
  }
  const mark = (lhr, category) => Math.round((lhr.categories[category].score ?? 0) * 100);
  const lhr = runs.toSorted((a, b) => mark(a, "performance") - mark(b, "performance"))[Math.floor(runs.length / 2)];
  for (const category of CATEGORIES) {
    if (mark(lhr, category) === 100) continue;
    isPerfect = false;
    for (const { id, weight } of lhr.categories[category].auditRefs) {
      const { score, title, displayValue = "", details } = lhr.audits[id];
      if (weight === 0 || score === null || score >= 1) continue;
      console.error(`${what}, ${form}, ${category}: ${title} ${displayValue} (${score}) ${JSON.stringify(details?.items ?? []).slice(0, 800)}`);
    }
  }
  return [`${what}, ${form}`, ...CATEGORIES.map((category) => String(mark(lhr, category))), ...TIMES.map((id) => (lhr.audits[id].displayValue ?? "").replace("Total size was ", ""))];
}

/** On a busy machine Lighthouse sometimes misses the beginning of its own recording. @param {string} url @param {string} form @param {number} tries */
async function run(url, form, tries) {
  const told = await lighthouse(url, { port, logLevel: "error", onlyCategories: CATEGORIES }, form === "desktop" ? desktopConfig : undefined);
  const error = told ? told.lhr.runtimeError : { code: "NOTHING", message: "Lighthouse said nothing" };
  if (!error) return told.lhr;
  if (tries > 1 && error.code === "NO_NAVSTART") return run(url, form, tries - 1);
  throw new Error(error.message);
}

/** Signs in as a reader would; Lighthouse leaves cookies and storage as they are. */
async function signIn() {
  const near = await puppeteer.connect({ browserURL: `http://127.0.0.1:${port}` });
  const page = await near.newPage();
  await page.goto(instance.url);
  await page.locator("#sign-in-name").fill("Reader");
  await page.locator("#sign-in-form-button").click();
  await page.waitForSelector("#messages .text");
  await page.close();
  await near.disconnect();
}
