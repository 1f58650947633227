// One person at one browser: what they do and what they get to see, in the words of the stories.

import assert from "node:assert/strict";
import { collectFaults, recordSightings } from "./watch.mjs";
import { until } from "./until.mjs";

/** @typedef {import("./watch.mjs").Sightings} Sightings */

export class Person {
  /** The instance that greeted this page last. */
  instance = "";
  /** How each greeting came: "websocket" or "long-poll". @type {string[]} */ greetings = [];

  /**
   * @param {string} name @param {import("playwright-core").Page} page @param {string} url
   * @param {string[]} faults where the faults of the page are gathered
   */
  constructor(name, page, url, faults) {
    this.name = name;
    this.page = page;
    this.url = url;
    collectFaults(page, faults);
    page.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => this.#notice("websocket", payload)));
    page.on("response", async (response) => {
      if (response.url().endsWith("/api/v1/poll")) this.#notice("long-poll", await response.text().catch(() => ""));
    });
  }

  static prepare = recordSightings;

  /** Opens a room's address, gives the name if asked for it, and waits to be in. @param {string} room */
  async enters(room) {
    await this.page.goto(`${this.url}/r/${room}`);
    await this.page.locator("#sign-in-name").fill(this.name);
    await this.page.locator("#sign-in-form-button").click();
    await this.isIn();
  }

  /** What the page has put off until its next frame is done. */
  async isDrawn() {
    await this.page.evaluate(() => new Promise((done) => {
      requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done)));
    }));
  }

  /** Is a member of the room on screen and knows who else is. */
  async isIn() {
    // Until then the count is that of the room before. A page that goes meanwhile is followed by one without any.
    await this.isDrawn().catch(() => {});
    await this.page.locator("#members-count").filter({ hasText: /^[1-9]/ }).waitFor();
  }

  /** Types the name of a room to join or create. @param {string} room */
  async joins(room) {
    await this.page.locator("#join-name").fill(room);
    await this.page.locator("#join-form button").click();
    await this.page.waitForURL(`**/r/${room}`);
    await this.isIn();
  }

  /** @param {string} room */
  async leaves(room) {
    await this.page.locator(`#joined-rooms [data-room="${room}"]`).hover();
    await this.page.locator(`#joined-rooms [data-room="${room}"] .leave`).click();
  }

  /** @param {string} text */
  async types(text) {
    await this.page.locator("#composer-text").pressSequentially(text);
  }

  /** Types until it is seen: one word about it may be lost between two polls, and the page says it again every few seconds.
   * @param {string} text what stands there in the end @param {Person} watcher */
  async isSeenTyping(text, watcher) {
    await this.types(text);
    await until(`${watcher.name} to see ${this.name} typing`, async () => {
      if ((await watcher.page.locator("#typing").textContent()) === `${this.name} is typing…`) return true;
      await this.types(".");
      await this.page.keyboard.press("Backspace");
      return false;
    });
  }

  /** @param {string} text */
  async says(text) {
    await this.page.locator("#composer-text").fill(text);
    await this.page.locator("#composer-send").click();
  }

  /** The message is there, and on the server. @param {...string} texts */
  async hears(...texts) {
    for (const text of texts) await this.message(text).first().waitFor();
  }

  /** Each of these is on screen exactly once, in this order, and nothing else is. @param {string[]} expected */
  async hasHeardExactly(expected) {
    await this.hears(...expected.slice(-1));
    await until(`${this.name} to hear all`, async () => (await this.texts()).length >= expected.length).catch(() => {});
    assert.deepEqual(await this.texts(), expected);
  }

  /** Messages with this text that the server has. @param {string} text */
  message(text) {
    const exact = this.page.getByText(text, { exact: true });
    return this.page.locator("#messages .row:not(.pending):not(.failed) .text").and(exact);
  }

  /** Everything on screen, sent or not, from the top. */
  texts() {
    return this.page.locator("#messages .text").allTextContents();
  }

  /** A line of the page with these words in it. @param {string} selector @param {string | RegExp} words */
  async sees(selector, words) {
    await this.page.locator(selector).filter({ hasText: words, visible: true }).first().waitFor();
  }

  /** @param {string} selector @param {string | RegExp} [words] */
  async seesNo(selector, words = "") {
    const found = this.page.locator(selector).filter({ hasText: words, visible: true });
    await until(`no ${selector} with "${words}"`, async () => (await found.count()) === 0);
  }

  /** Turns to another window, or back. A test's pages all believe to have the focus, so they are told otherwise.
   * @param {boolean} away */
  async turns(away) {
    await this.page.evaluate((on) => {
      document.hasFocus = () => !on;
      dispatchEvent(new Event(on ? "blur" : "focus"));
    }, away);
  }

  /** @param {number} count */
  async seesPeople(count) {
    await this.page.locator("#members-count").filter({ hasText: new RegExp(`^${count}$`) }).waitFor();
  }

  /** Greeted in this way since the last call. @param {"websocket" | "long-poll"} how */
  async isGreetedBy(how) {
    await until(`${this.name} to be greeted by ${how}`, () => this.greetings.includes(how));
    this.greetings = [];
  }

  /** The network is well again, and the browser says so: after a long outage a page's own next try may be far away. It
   * says it again while no try is answered, as one that was under way may have failed. Whether they are back in the end
   * is for the story to find out. @param {import("./wire.mjs").Wire} network
   * @param {() => Promise<unknown>} [act] what one does oneself instead, at first */
  async returns(network, act) {
    const before = this.greetings.length;
    network.mend();
    const asksWho = this.page.locator("#sign-in-form-button");
    const isBack = async () => this.greetings.length > before || asksWho.isVisible();
    const says = () => this.page.evaluate(() => void dispatchEvent(new Event("online")));
    for (const nudge of [act ?? says, says, says, says, says]) {
      await nudge();
      if (await until("a greeting", isBack, 3_000).catch(() => false)) return;
    }
  }

  /** @returns {Promise<Sightings>} */
  sightings() {
    return this.page.evaluate(() => /** @type {any} */ (window).hubbubSightings);
  }

  /** From now on only what happens from now on counts as seen. */
  async looksAway() {
    await this.page.evaluate(() => {
      const seen = /** @type {any} */ (window).hubbubSightings;
      for (const list of [seen.statuses, seen.notices, seen.counts]) list.length = 0;
    });
  }

  /** @param {string} how @param {string | Buffer} payload */
  #notice(how, payload) {
    const text = String(payload);
    if (!text.includes('"type":"hello"')) return;
    this.instance = /"instance":"([^"]*)"/.exec(text)?.[1] ?? "";
    this.greetings.push(how);
  }
}
