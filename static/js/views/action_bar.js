// The toolbar of the message that the pointer or the focus is on, and the way among messages by keyboard. There is one
// toolbar, which moves from row to row: two hundred of them would be most of the page.

import { button, element, part } from "../lib/dom.js";
import { roam } from "../lib/float.js";
import { plainText } from "../lib/markup.js";
import { twoStep } from "../lib/two_step.js";
import { strings } from "../strings.js";

/**
 * @typedef {import("../room.js").MessageEntry} MessageEntry
 * @typedef {{
 *   react: (entry: MessageEntry, anchor: Element) => void,
 *   reply: (entry: MessageEntry) => void,
 *   edit: (entry: MessageEntry) => void,
 *   remove: (entry: MessageEntry) => void,
 *   compose: () => void,
 *   find: (position: string) => MessageEntry | null,
 * }} Actions
 */

export class ActionBar {
  #store;
  #actions;
  #scroller = element("scroller");
  #list = element("messages");
  #bar = element("actions");
  #react = button("action-react");
  #reply = button("action-reply");
  #edit = button("action-edit");
  #delete = button("action-delete");
  #removal;
  /** @type {HTMLElement | null} */ #row = null;
  /** What a finger touched last counts as hovered for good. */ #hovers = false;

  /** @param {import("../store.js").Store} store @param {Actions} actions */
  constructor(store, actions) {
    this.#store = store;
    this.#actions = actions;
    this.#bar.remove();
    this.#bar.hidden = false;
    roam(this.#bar);
    this.#removal = twoStep(this.#delete, {
      label: part(this.#delete, "span"),
      ask: () => strings["actions.reallyDelete"],
      act: () => {
        this.#do((entry) => actions.remove(entry), true);
        this.#hide();
      },
    });
    this.#react.addEventListener("click", () => this.#do((entry) => actions.react(entry, this.#react)));
    this.#reply.addEventListener("click", () => this.#do((entry) => actions.reply(entry)));
    this.#edit.addEventListener("click", () => this.#do((entry) => actions.edit(entry)));
    this.#list.addEventListener("pointerover", (event) => {
      this.#hovers = event.pointerType === "mouse";
      // A keyboard user's toolbar stays where the focus is.
      if (this.#hovers && !this.#bar.querySelector(":focus-visible")) this.#show(rowOf(event.target));
    });
    this.#list.addEventListener("pointerleave", () => {
      if (!this.#row?.contains(document.activeElement) && !isOpen()) this.#hide();
    });
    this.#list.addEventListener("focusin", (event) => this.#onFocus(event.target));
    this.#list.addEventListener("focusout", (event) => this.#onBlur(event));
    store.addEventListener("folded", () => this.#refresh());
    this.#scroller.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** Puts the focus on a message. @param {HTMLElement} row */
  focus(row) {
    const article = part(row, ".message");
    article.focus({ preventScroll: true });
    article.scrollIntoView({ block: "nearest", behavior: "instant" });
  }

  /** @param {(entry: MessageEntry) => void} act @param {boolean} [stay] the message keeps the focus */
  #do(act, stay = false) {
    const entry = this.#entryOf(this.#row);
    if (!entry) return;
    const row = this.#row;
    act(entry);
    if (stay && row) part(row, ".message").focus({ preventScroll: true });
  }

  /** @param {HTMLElement | null} row */
  #entryOf(row) {
    const position = row?.dataset["position"] ?? "";
    const entry = position === "" ? null : this.#actions.find(position);
    // A deletion that waits is done as far as one sees.
    return entry?.deleted || entry?.lost || row?.classList.contains("tombstone") ? null : entry;
  }

  /** @param {HTMLElement | null} row */
  #show(row) {
    const entry = this.#entryOf(row);
    if (!row || !entry || row.classList.contains("editing")) return this.#hide();
    const mine = entry.from.id === this.#store.me?.id;
    this.#edit.hidden = this.#delete.hidden = !mine;
    if (row === this.#row && this.#bar.isConnected) return;
    this.#removal.reset();
    this.#release();
    this.#row = row;
    for (const each of this.#bar.querySelectorAll("button")) each.tabIndex = each === this.#react ? 0 : -1;
    part(row, ".message").append(this.#bar);
  }

  #hide() {
    this.#release();
    this.#row = null;
    this.#bar.remove();
  }

  /** Before the toolbar goes elsewhere, its message takes the focus, which would be lost otherwise. */
  #release() {
    const article = this.#bar.contains(document.activeElement) ? this.#bar.closest(".message") : null;
    if (article instanceof HTMLElement) article.focus({ preventScroll: true });
  }

  /** @param {EventTarget | null} target */
  #onFocus(target) {
    const row = rowOf(target);
    this.#show(row);
    // A touch screen has it above its message, unless that is the first in view.
    const top = this.#bar.parentElement?.getBoundingClientRect().top ?? 0;
    this.#bar.classList.toggle("below", top < this.#scroller.getBoundingClientRect().top + 40);
    const entry = this.#entryOf(row);
    if (target instanceof HTMLElement && target.matches(".message")) this.#name(target, row, entry);
  }

  /** A message is read out as a whole when one comes to it, and part by part otherwise.
   * @param {HTMLElement} article @param {HTMLElement | null} row @param {MessageEntry | null} entry */
  #name(article, row, entry) {
    if (!row || !entry) return article.removeAttribute("aria-label");
    const time = row.querySelector("time")?.textContent ?? "";
    article.setAttribute("aria-label", `${entry.from.name}, ${time}: ${plainText(entry.text)}`);
  }

  /** The message under the focus or the pointer may be another one now, or none. */
  #refresh() {
    const focused = document.activeElement;
    if (focused instanceof HTMLElement && focused.matches("#messages .message")) {
      const row = rowOf(focused);
      this.#name(focused, row, this.#entryOf(row));
    }
    if (this.#row && !this.#entryOf(this.#row)) this.#hide();
  }

  /** @param {FocusEvent} event */
  #onBlur(event) {
    if (event.target instanceof HTMLElement && event.target.matches(".message")) event.target.removeAttribute("aria-label");
    const next = event.relatedTarget;
    if (next instanceof Node && this.#list.contains(next)) return;
    if (!isOpen() && !(this.#hovers && this.#row?.matches(":hover"))) this.#hide();
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const { target, key } = event;
    if (!(target instanceof HTMLElement) || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (target.matches("textarea, input")) return;
    const row = rowOf(target);
    const onMessage = target.matches(".message");
    // The pointer, which rests somewhere, may have taken the toolbar along when the rows moved below it.
    if (onMessage) this.#show(row);
    const handled = this.#walk(key, row, onMessage || target === this.#scroller) || (onMessage && this.#shortcut(key))
      || (key === "Escape" && this.#leave(row, onMessage));
    if (!handled) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {string} key @param {HTMLElement | null} row @param {boolean} may */
  #walk(key, row, may) {
    if (!may || !["ArrowUp", "ArrowDown", "Home", "End"].includes(key)) return false;
    const rows = /** @type {HTMLElement[]} */ ([...this.#list.children]).filter((each) => each.querySelector(".message"));
    const next = row === null ? this.#lastInView(rows) : neighbour(rows, row, key);
    if (next) this.focus(next);
    return true;
  }

  /** @param {HTMLElement[]} rows */
  #lastInView(rows) {
    const bottom = this.#scroller.getBoundingClientRect().bottom + 1;
    return rows.findLast((row) => row.getBoundingClientRect().bottom <= bottom) ?? rows.at(-1);
  }

  /** What a key does to the message that has the focus. @param {string} key */
  #shortcut(key) {
    const choice = {
      Enter: this.#react, ArrowRight: this.#react, "+": this.#react, r: this.#reply, e: this.#edit, Delete: this.#delete,
    }[key];
    if (!choice || choice.hidden || !this.#bar.isConnected) return false;
    if (key === "r" || key === "e" || key === "+") {
      choice.click();
    } else {
      choice.focus();
      if (key === "Delete") this.#removal.ask();
    }
    return true;
  }

  /** Escape leads from the toolbar to its message, and from there to where one writes.
   * @param {HTMLElement | null} row @param {boolean} onMessage */
  #leave(row, onMessage) {
    if (row && !onMessage) this.focus(row);
    else this.#actions.compose();
    return true;
  }
}

/** @param {EventTarget | null} target */
function rowOf(target) {
  const row = target instanceof Element ? target.closest("#messages > li") : null;
  return row instanceof HTMLElement ? row : null;
}

/** @param {HTMLElement[]} rows @param {HTMLElement} row @param {string} key */
function neighbour(rows, row, key) {
  if (key === "Home") return rows[0];
  if (key === "End") return rows.at(-1);
  return rows[rows.indexOf(row) + (key === "ArrowUp" ? -1 : 1)];
}

/** Something that belongs to a row is open over the page. */
function isOpen() {
  return document.querySelector(":popover-open") !== null;
}
