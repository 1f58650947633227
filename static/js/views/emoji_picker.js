// Picks a reaction: a small palette of the usual ones, and a field for any other.

import { button, element, input, setText } from "../lib/dom.js";
import { openBeside, roam } from "../lib/float.js";
import { toEmoji } from "../protocol.js";
import { strings } from "../strings.js";

const PALETTE = ["👍", "❤️", "😂", "🎉", "😮", "😢", "🙏", "👀"];

export class EmojiPicker {
  #panel = element("emoji-picker");
  #palette = element("emoji-palette");
  #field = input("emoji-other");
  #problem = element("emoji-problem");
  /** @type {(emoji: string) => void} */ #onpick = () => {};

  constructor() {
    this.#palette.append(...PALETTE.map((emoji) => this.#choice(emoji)));
    roam(this.#palette);
    element("emoji-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const emoji = toEmoji(this.#field.value);
      setText(this.#problem, emoji === null ? strings["react.bad"] : "");
      if (emoji === null) return this.#field.focus();
      this.#pick(emoji);
    });
    this.#field.addEventListener("input", () => setText(this.#problem, ""));
    // The browser closes the picker on Escape; to the page around it that says nothing.
    this.#panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape") event.stopPropagation();
    });
    button("emoji-add").title = strings["react.add"];
  }

  /** @param {Element} anchor @param {(emoji: string) => void} onpick */
  open(anchor, onpick) {
    this.#onpick = onpick;
    this.#field.value = "";
    setText(this.#problem, "");
    openBeside(this.#panel, anchor);
    const [first, ...rest] = this.#palette.querySelectorAll("button");
    for (const each of rest) each.tabIndex = -1;
    if (first) {
      first.tabIndex = 0;
      first.focus();
    }
  }

  /** @param {string} emoji */
  #pick(emoji) {
    this.#panel.hidePopover();
    this.#onpick(emoji);
  }

  /** @param {string} emoji */
  #choice(emoji) {
    const choice = document.createElement("button");
    choice.type = "button";
    choice.className = "emoji";
    choice.textContent = emoji;
    choice.setAttribute("aria-label", strings["react.with"](emoji));
    choice.addEventListener("click", () => this.#pick(emoji));
    return choice;
  }
}
