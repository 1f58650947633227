// The keyboard of somebody who has nothing else. Wherever it leads, the focus is on something, in sight, and marked.

import assert from "node:assert/strict";
import { until } from "./until.mjs";

const MOST_STEPS = 80;

export class Keys {
  #page;
  #name;

  /** @param {import("./person.mjs").Person} person */
  constructor({ page, name }) {
    this.#page = page;
    this.#name = name;
  }

  /** Gives the name in the form, on which the focus is. */
  async signsIn() {
    await this.isOn("#sign-in-name");
    await this.types(this.#name);
    await this.press("Enter");
  }

  /** Types a text where the focus is. @param {string} text */
  async types(text) {
    await this.#page.keyboard.type(text);
    await this.isSomewhere();
  }

  /** @param {string} key */
  async press(key) {
    await this.#page.keyboard.press(key);
  }

  /** The focus gets to this element, and one can see that. @param {string} selector */
  async isOn(selector) {
    // Signing out loads the page anew, and meanwhile nobody can be asked.
    await until(`${selector} to have the focus`, () => this.#has(selector).catch(() => false));
    await this.isSomewhere();
  }

  /** Goes on by Tab until there. What comes and goes by itself may be away when one comes by, and is found on the next
   * round: the page lets go of the focus at its end. @param {string} selector @param {"Tab" | "Shift+Tab"} [key] */
  async tabTo(selector, key = "Tab", { comesAndGoes = false } = {}) {
    for (let step = 0; step < MOST_STEPS; step += 1) {
      if (await this.#has(selector)) return;
      await this.press(key);
      if (!comesAndGoes || !(await this.#has("body"))) await this.isSomewhere();
    }
    assert.fail(`${key} does not lead to ${selector}`);
  }

  async isSomewhere() {
    // What has just come on screen may take a frame to be there.
    let problem = "";
    await until("the focus to be seen", async () => (problem = await this.#page.evaluate(problemOfFocus)) === "")
      .catch(() => assert.fail(problem));
  }

  /** @param {string} selector */
  #has(selector) {
    return this.#page.evaluate((wanted) => document.activeElement?.matches(wanted) ?? false, selector);
  }
}

/** What is wrong with the focus as it is now; "" if nothing. It has to stand alone. */
function problemOfFocus() {
  const node = document.activeElement;
  if (!(node instanceof HTMLElement) || node === document.body) return "nothing has the focus";
  const what = node.id === "" ? node.outerHTML.slice(0, 80) : `#${node.id}`;
  if (!node.matches(":focus-visible")) return `${what} has the focus, and does not show it`;
  const { outlineStyle, outlineWidth } = getComputedStyle(node);
  const frame = node.closest(".composer");
  const isMarked = (outlineStyle !== "none" && parseFloat(outlineWidth) >= 1) || (frame && getComputedStyle(frame).boxShadow !== "none");
  if (!isMarked) return `${what} has the focus, and looks as without`;
  const { left, right, top, bottom, width, height } = node.getBoundingClientRect();
  const isInSight = width > 0 && height > 0 && right > 0 && bottom > 0 && left < innerWidth && top < innerHeight;
  return isInSight ? "" : `${what} has the focus, and is not in sight`;
}
