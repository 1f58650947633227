// Looks for words in the open room. Each answer of the server covers a stretch of the log; the search goes on until
// there is something to show, and from there on when asked.

import { shortDate } from "../dates.js";
import { toEntry } from "../fold.js";
import { locale } from "../language.js";
import { button, element, fromTemplate, hide, input, paintAvatar, part, reconcile, setText } from "../lib/dom.js";
import { debounce } from "../lib/timing.js";
import { lookUp, strings } from "../strings.js";
import { excerptAround, words } from "../lib/excerpt.js";
import { plainText } from "../lib/markup.js";
import { foldMuted } from "./folding.js";

/**
 * @typedef {import("../room.js").MessageEntry} MessageEntry
 * @typedef {import("../protocol.js").FoundFrame} FoundFrame
 * @typedef {{ find: (room: string, query: string, before: string | null) => Promise<import("../protocol.js").ServerFrame>,
 *   go: (position: string) => void, connection: Pick<import("../connection.js").Connection, "status" | "addEventListener"> }}
 *   Actions
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
  /** By their positions, the latest first, as they are now. @type {Map<string, MessageEntry>} */ #found = new Map();
  /** @type {Map<string, HTMLElement>} */ #nodes = new Map();
  /** Folds that one has opened. @type {Set<string>} */ #opened = new Set();
  /** Answers to an older question are of no interest. */ #turn = 0;
  #busy = false;
  /** The code of an error, where the answer is missing. @type {string | null} */ #failed = null;
  /** One asked for more than the first results. */ #wentOn = false;
  /** How far the room's log went then: with more in it, there may be more to find. @type {string | null | undefined} */ #askedAt;
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
      this.#start({ again: !this.#busy });
    });
    this.#field.addEventListener("input", () => this.#type());
    this.#more.addEventListener("click", () => {
      this.#wentOn = true;
      void this.#goOn();
    });
    this.#list.addEventListener("click", (event) => {
      const item = event.target instanceof Element ? event.target.closest("button") : null;
      const { position, fold } = item?.dataset ?? {};
      if (fold !== undefined) {
        this.#opened.add(fold);
        this.#draw();
      }
      if (position === undefined) return;
      // On a narrow screen the panel lies over what one wants to see.
      if (!matchMedia("(min-width: 1000px)").matches) this.#hide();
      this.#actions.go(position);
    });
    store.addEventListener("rooms", () => {
      if (this.#panel.hidden) return;
      if (store.current !== this.#room) this.#start();
      // Somebody may be muted now, or no longer.
      else this.#draw();
    });
    // What nobody could be asked is asked when that is possible again.
    actions.connection.addEventListener("status", () => {
      if (this.#failed === "unreachable" && !this.#panel.hidden && actions.connection.status.kind === "up" && store.rooms.get(this.#room)?.joined) void this.#goOn();
    });
    store.addEventListener("folded", (event) => this.#change(/** @type {CustomEvent} */ (event).detail));
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
    this.#draw();
    // Whoever went further back keeps what they found; Enter asks for what is new.
    const mayFind = !this.#wentOn && this.#store.open?.position !== this.#askedAt;
    this.#start({ again: this.#failed !== null || mayFind });
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

  /** Looks for what stands in the field, if that is another question, or if it is to be asked `again`.
   * @param {{ again?: boolean }} [how] */
  #start({ again = false } = {}) {
    const query = this.#field.value.trim();
    const room = this.#store.current ?? "";
    if (!again && query === this.#query && room === this.#room) return;
    this.#query = query;
    this.#room = room;
    this.#askedAt = this.#store.open?.position;
    this.#wentOn = false;
    this.#busy = false;
    this.#failed = null;
    this.#before = null;
    this.#found.clear();
    this.#opened.clear();
    this.#nodes.clear();
    this.#turn += 1;
    this.#list.replaceChildren();
    this.#more.hidden = true;
    setText(this.#status, "");
    if (query !== "" && room !== "") void this.#goOn();
  }

  async #goOn() {
    const turn = this.#turn;
    const had = this.#found.size;
    const rows = this.#list.childElementCount;
    const goesOn = this.#more === document.activeElement;
    this.#busy = true;
    this.#failed = null;
    hide(this.#more, true, this.#field);
    setText(this.#more, strings["search.more"]);
    setText(this.#status, strings["search.busy"]);
    for (let stretch = 0; stretch < STRETCHES; stretch += 1) {
      const frame = await this.#actions.find(this.#room, this.#query, this.#before);
      if (turn !== this.#turn) return;
      if (frame.type !== "found") return this.#fail(frame.type === "error" ? frame.code : "");
      this.#show(frame);
      if (!frame.more || this.#found.size > had) break;
    }
    this.#busy = false;
    this.#more.hidden = this.#before === null;
    this.#tell();
    if (goesOn && this.#field === document.activeElement) this.#list.children[rows]?.querySelector("button")?.focus();
  }

  /** @param {FoundFrame} frame */
  #show({ messages, more, before }) {
    this.#before = more ? (before ?? messages.at(-1)?.position ?? null) : null;
    for (const message of messages) this.#found.set(message.position, toEntry(message));
    this.#draw();
  }

  /** What was found is shown as it is now, and not at all once it was taken back. @param {import("../fold.js").FoldFrame} frame */
  #change(frame) {
    const entry = this.#found.get(frame.target);
    if (!entry || frame.room !== this.#room || frame.type === "reacted") return;
    if (frame.type === "edited") this.#found.set(frame.target, { ...entry, text: frame.text });
    else this.#found.delete(frame.target);
    this.#draw();
    if (!this.#busy && this.#failed === null) this.#tell();
  }

  #draw() {
    const wanted = words(this.#query);
    const focused = [...this.#list.children].findIndex((item) => item.contains(document.activeElement));
    const sources = [...this.#found.values()].map((entry) => (
      { key: entry.position, entry, unsent: null, at: entry.at, deed: null, quoted: null, mentioned: "" }));
    /** @type {{ key: string, entry: any }[]} */
    const rows = foldMuted(sources, this.#store.isMuted, this.#opened);
    reconcile(this.#list, this.#nodes, rows, {
      key: ({ key }) => key,
      create: ({ entry }) => fromTemplate(entry.kind === "folded" ? "remark-row" : "search-result"),
      update: (item, { key, entry }) => (entry.kind === "folded" ? paintFold(item, key, entry) : paintItem(item, entry, wanted)),
    });
    // Whoever was on one that is gone goes on at the next.
    if (focused < 0 || this.#list.contains(document.activeElement)) return;
    (this.#list.children[focused]?.querySelector("button") ?? this.#field).focus({ preventScroll: true });
  }

  #tell() {
    const count = `${this.#found.size.toLocaleString(locale)}${this.#before === null ? "" : "+"}`;
    if (this.#found.size > 0) setText(this.#status, strings["search.count"](count));
    else setText(this.#status, this.#before === null ? strings["search.none"] : strings["search.noneYet"]);
  }

  /** @param {string} code */
  #fail(code) {
    this.#busy = false;
    this.#failed = code;
    setText(this.#status, lookUp(`search.${code}`, "search.failed"));
    setText(this.#more, strings["fate.retry"]);
    // Asking again goes on where the answer is missing.
    this.#more.hidden = false;
  }
}

/** @param {HTMLElement} item @param {string} key @param {import("./folding.js").Folded} fold */
function paintFold(item, key, { count }) {
  setText(part(item, ".remark-text"), strings["muted.folded"](count));
  const show = part(item, ".show-folded");
  setText(show, strings["muted.show"]);
  show.dataset["fold"] = key;
  show.hidden = false;
}

/** What each item shows. @type {WeakMap<HTMLElement, MessageEntry>} */
const painted = new WeakMap();

/** @param {HTMLElement} item @param {MessageEntry} entry @param {string[]} wanted */
function paintItem(item, entry, wanted) {
  if (painted.get(item) === entry) return;
  painted.set(item, entry);
  part(item, "button").dataset["position"] = entry.position;
  paintAvatar(part(item, ".avatar"), entry.from);
  setText(part(item, ".author"), entry.from.name);
  setText(part(item, "time"), shortDate(entry.at));
  part(item, ".found").replaceChildren(
    ...excerptAround(plainText(entry.text), wanted).map(({ text, hit }) => {
      if (!hit) return document.createTextNode(text);
      const mark = document.createElement("mark");
      mark.textContent = text;
      return mark;
    }),
  );
}
