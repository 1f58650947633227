// Looks for words in the open room. Each answer of the server covers a stretch of the log; the search goes on until
// there is something to show, and from there on when asked.

import { shortDate } from "../dates.js";
import { locale } from "../language.js";
import { button, element, fromTemplate, hide, input, paintAvatar, part, setText } from "../lib/dom.js";
import { debounce } from "../lib/timing.js";
import { lookUp, strings } from "../strings.js";
import { excerptAround, words } from "../lib/excerpt.js";
import { plainText } from "../lib/markup.js";

/**
 * @typedef {import("../protocol.js").MessageFrame} MessageFrame
 * @typedef {import("../protocol.js").FoundFrame} FoundFrame
 * @typedef {{ find: (room: string, query: string, before: string | null) => Promise<import("../protocol.js").ServerFrame>,
 *   go: (position: string) => void }} Actions
 */

/** Stretches of the log looked at in a row before one is asked. */
const STRETCHES = 10;
const TYPED_MS = 400;

export class SearchView {
  #store;
  #actions;
  #panel = element("search");
  #toggle = button("search-toggle");
  #field = input("search-text");
  #list = element("search-results");
  #status = element("search-status");
  #more = button("search-more");
  #query = "";
  #room = "";
  /** @type {string | null} */ #before = null;
  #shown = 0;
  /** Answers to an older question are of no interest. */ #turn = 0;
  #type = debounce(TYPED_MS, () => this.#start());

  /** @param {import("../store.js").Store} store @param {Actions} actions */
  constructor(store, actions) {
    this.#store = store;
    this.#actions = actions;
    button("search-close").addEventListener("click", () => this.close());
    this.#panel.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.isComposing) return;
      event.stopPropagation();
      this.close();
    });
    element("search-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#type.flush();
      this.#start();
    });
    this.#field.addEventListener("input", () => this.#type());
    this.#more.addEventListener("click", () => void this.#goOn());
    this.#list.addEventListener("click", (event) => {
      const item = event.target instanceof Element ? event.target.closest("button") : null;
      const position = item?.dataset["position"];
      if (position === undefined) return;
      // On a narrow screen the panel lies over what one wants to see.
      if (!matchMedia("(min-width: 1000px)").matches) this.#hide();
      this.#actions.go(position);
    });
    store.addEventListener("rooms", () => {
      if (!this.#panel.hidden && store.current !== this.#room) this.#start();
    });
  }

  toggle() {
    if (this.#panel.hidden) this.#open();
    else this.close();
  }

  #open() {
    this.#panel.hidden = false;
    this.#toggle.setAttribute("aria-expanded", "true");
    document.body.classList.add("searching");
    this.#field.focus();
    this.#field.select();
    if (this.#room !== this.#store.current) this.#start();
  }

  close() {
    this.#hide();
    this.#toggle.focus();
  }

  #hide() {
    this.#panel.hidden = true;
    this.#toggle.setAttribute("aria-expanded", "false");
    document.body.classList.remove("searching");
  }

  #start() {
    const query = this.#field.value.trim();
    const room = this.#store.current ?? "";
    if (query === this.#query && room === this.#room) return;
    this.#query = query;
    this.#room = room;
    this.#before = null;
    this.#shown = 0;
    this.#turn += 1;
    this.#list.replaceChildren();
    this.#more.hidden = true;
    setText(this.#status, "");
    if (query !== "" && room !== "") void this.#goOn();
  }

  async #goOn() {
    const turn = this.#turn;
    const had = this.#shown;
    const goesOn = this.#more === document.activeElement;
    hide(this.#more, true, this.#field);
    setText(this.#status, strings["search.busy"]);
    for (let stretch = 0; stretch < STRETCHES; stretch += 1) {
      const frame = await this.#actions.find(this.#room, this.#query, this.#before);
      if (turn !== this.#turn) return;
      if (frame.type !== "found") return this.#fail(frame.type === "error" ? frame.code : "");
      this.#show(frame);
      if (!frame.more || this.#shown > had) break;
    }
    this.#more.hidden = this.#before === null;
    this.#tell();
    if (goesOn && this.#field === document.activeElement) this.#list.children[had]?.querySelector("button")?.focus();
  }

  /** @param {FoundFrame} frame */
  #show({ messages, more, before }) {
    this.#before = more ? (before ?? messages.at(-1)?.position ?? null) : null;
    const wanted = words(this.#query);
    this.#list.append(...messages.map((message) => toItem(message, wanted)));
    this.#shown += messages.length;
  }

  #tell() {
    const count = `${this.#shown.toLocaleString(locale)}${this.#before === null ? "" : "+"}`;
    if (this.#shown > 0) setText(this.#status, strings["search.count"](count));
    else setText(this.#status, this.#before === null ? strings["search.none"] : strings["search.noneYet"]);
  }

  /** @param {string} code */
  #fail(code) {
    setText(this.#status, lookUp(`search.${code}`, "search.failed"));
    setText(this.#more, strings["fate.retry"]);
    this.#more.hidden = false;
    // Asking again goes on where the answer is missing.
    this.#more.addEventListener("click", () => setText(this.#more, strings["search.more"]), { once: true });
  }
}

/** @param {MessageFrame} message @param {string[]} wanted */
function toItem(message, wanted) {
  const item = fromTemplate("search-result");
  const link = part(item, "button");
  link.dataset["position"] = message.position;
  paintAvatar(part(item, ".avatar"), message.from);
  setText(part(item, ".author"), message.from.name);
  setText(part(item, "time"), shortDate(message.at));
  part(item, ".found").replaceChildren(
    ...excerptAround(plainText(message.text), wanted).map(({ text, hit }) => {
      if (!hit) return document.createTextNode(text);
      const mark = document.createElement("mark");
      mark.textContent = text;
      return mark;
    }),
  );
  return item;
}
