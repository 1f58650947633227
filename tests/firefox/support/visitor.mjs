// One person at a Firefox of their own: the words of tests/browser/support/person.mjs, as far as the core needs them.
// Each has a whole browser, because Firefox runs the scripts of a page only while it is in front.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import puppeteer from "puppeteer-core";
import { until } from "../../browser/support/until.mjs";
import { recordSightings } from "../../browser/support/watch.mjs";

export const FIREFOX = process.env["FIREFOX"] ?? "/usr/bin/firefox-esr";
export const isInstalled = existsSync(FIREFOX);

/** What a sign-in of Firefox's own, a survey or an update would ask of the network in the middle of a test. */
const PREFERENCES = {
  "app.normandy.enabled": false,
  "browser.safebrowsing.downloads.remote.enabled": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "dom.serviceWorkers.testing.enabled": false,
  "extensions.update.enabled": false,
  "intl.accept_languages": "en-GB",
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "toolkit.telemetry.reportingpolicy.firstRun": false,
};
/** Broken networks are what some tests are about, so Firefox's lines about them are no fault of the page. */
const NETWORK = /^Error: (Firefox can.t establish a connection to the server at|The connection to) ws:/;
const HERE = "#messages .row:not(.pending):not(.failed) .text";

export class Visitor {
  /** Errors of the page. @type {string[]} */ faults = [];

  /** @param {string} name @param {import("puppeteer-core").Browser} browser @param {import("puppeteer-core").Page} page
   * @param {string} url */
  constructor(name, browser, page, url) {
    this.name = name;
    this.url = url;
    this.browser = browser;
    this.page = page;
    page.on("pageerror", (error) => {
      if (!NETWORK.test(String(error))) this.faults.push(`error in the page: ${error}`);
    });
    page.on("console", (message) => {
      if (message.type() === "error") this.faults.push(`error on the console: ${message.text()}`);
    });
  }

  /** @param {string} name @param {string} url */
  static async of(name, url) {
    const browser = await puppeteer.launch({ browser: "firefox", executablePath: FIREFOX, headless: true, extraPrefsFirefox: PREFERENCES });
    const [page = await browser.newPage()] = await browser.pages();
    await page.setViewport({ width: 1200, height: 800 });
    await page.evaluateOnNewDocument(recordSightings);
    await page.evaluateOnNewDocument(keepViolations);
    return new Visitor(name, browser, page, url);
  }

  /** Opens a room's address, gives the name, and waits to be in. @param {string} room */
  async enters(room) {
    await this.page.goto(`${this.url}/r/${room}`);
    await this.sees("#sign-in-name");
    await this.page.keyboard.type(this.name);
    await this.page.keyboard.press("Enter");
    await this.isIn();
  }

  async isIn() {
    await this.sees("#members-count", "^[1-9]");
  }

  async reloads() {
    await this.page.reload();
    await this.isIn();
  }

  /** @param {string} text */
  async says(text) {
    await this.writes(text);
    await this.page.keyboard.press("Enter");
  }

  /** Types into the message box, and leaves it there. @param {string} text */
  async writes(text) {
    await this.click("#composer-text");
    await this.page.keyboard.type(text);
  }

  /** The messages are there, and on the server. @param {...string} texts */
  async hears(...texts) {
    for (const text of texts) {
      await until(`${this.name} to hear "${text}"`, async () => (await this.#texts(HERE)).includes(text));
    }
  }

  /** @param {string[]} expected */
  async hasHeardExactly(expected) {
    await this.hears(...expected.slice(-1));
    const isAll = async () => (await this.texts()).join("\n") === expected.join("\n");
    await until(`${this.name} to hear all`, isAll).catch(() => {});
    assert.deepEqual(await this.texts(), expected);
  }

  texts() {
    return this.#texts("#messages .text");
  }

  /** Something in sight, with these words in it. @param {string} selector @param {string} [words] a pattern */
  async sees(selector, words = "") {
    return until(`${this.name} to see ${selector} "${words}"`, () => this.page.evaluate(placeOf, selector, words));
  }

  /** @param {string} selector @param {string} [words] */
  async seesNo(selector, words = "") {
    await until(`${this.name} to see no ${selector} "${words}"`, async () => !(await this.page.evaluate(placeOf, selector, words)));
  }

  /** @param {string} selector @param {string} [words] */
  async click(selector, words) {
    const { x, y } = await this.sees(selector, words);
    await this.page.mouse.click(x, y);
  }

  /** Uses the toolbar of a message. @param {string} text @param {"react" | "reply" | "edit" | "delete"} action */
  async act(text, action) {
    // One's own message has no toolbar before it has a place, and none later where the pointer rests already.
    const { x, y } = await this.sees('#messages > li:not([data-position=""]) .text', `^${text}$`);
    // Two steps, as a hand makes them: a pointer that was there before has not moved.
    await this.page.mouse.move(x - 3, y);
    await this.page.mouse.move(x, y);
    await this.click(`#action-${action}`);
  }

  /** Which instance the balancer keeps this visitor on. */
  async instance() {
    const cookies = await this.browser.cookies();
    return cookies.find(({ name }) => name === "SRV")?.value ?? "";
  }

  /** Is on another instance than somebody else. @param {Visitor} other */
  async settlesElsewhere(other) {
    await until("another instance", async () => {
      if ((await this.instance()) !== (await other.instance())) return true;
      const cookies = await this.browser.cookies();
      await this.browser.deleteCookie(...cookies.filter(({ name }) => name === "SRV"));
      await this.reloads();
      return false;
    });
  }

  /** The page has shown no error and done nothing that its policy forbids. */
  async isWell() {
    const violations = await this.page.evaluate(() => /** @type {any} */ (window).hubbubViolations);
    assert.deepEqual([...this.faults, ...violations], [], this.name);
  }

  /** @param {string} selector */
  #texts(selector) {
    return this.page.evaluate((wanted) => [...document.querySelectorAll(wanted)].map((node) => node.textContent ?? ""), selector);
  }
}

/** The middle of the first such element that can be seen; null if there is none. It has to stand alone.
 * @param {string} selector @param {string} words */
function placeOf(selector, words) {
  const pattern = new RegExp(words);
  for (const node of document.querySelectorAll(selector)) {
    if (!node.checkVisibility({ visibilityProperty: true }) || !pattern.test(node.textContent ?? "")) continue;
    const { left, top, width, height } = node.getBoundingClientRect();
    if (width > 0 && height > 0) return { x: left + width / 2, y: top + height / 2 };
  }
  return null;
}

/** Keeps breaches of the page's policy until somebody looks. It has to stand alone. */
function keepViolations() {
  /** @type {string[]} */
  const seen = [];
  Object.assign(window, { hubbubViolations: seen, hubbubViolation: (/** @type {string} */ what) => seen.push(what) });
}
