// Says above the composer which message the next one answers. Each room has its own.

import { button, element, setText } from "../lib/dom.js";
import { strings } from "../strings.js";
import { excerpt } from "./message_parts.js";

/** @typedef {import("../room.js").MessageEntry} MessageEntry */

export class ReplyBar {
  #store;
  #bar = element("replying");
  /** @type {Map<string, MessageEntry>} */ #answered = new Map();
  #oncancel;

  /** @param {import("../store.js").Store} store @param {() => void} oncancel */
  constructor(store, oncancel) {
    this.#store = store;
    this.#oncancel = oncancel;
    button("reply-cancel").addEventListener("click", () => this.cancel());
    store.addEventListener("rooms", () => this.#render());
    store.addEventListener("folded", (event) => {
      const { type, room, target } = /** @type {CustomEvent<import("../fold.js").FoldFrame>} */ (event).detail;
      if (type !== "deleted" || this.#answered.get(room)?.position !== target) return;
      this.#answered.delete(room);
      this.#render();
    });
  }

  /** @param {MessageEntry} entry of the open room */
  answer(entry) {
    if (this.#store.current === null) return;
    this.#answered.set(this.#store.current, entry);
    this.#render();
  }

  /** What the message that is being sent does; the next one answers nothing. @param {string} room
   * @returns {import("../protocol.js").Deed} */
  take(room) {
    const entry = this.#answered.get(room);
    this.#answered.delete(room);
    this.#render();
    return entry ? { kind: "send", reply_to: entry.position } : { kind: "send" };
  }

  /** True if there was something to call off. */
  cancel() {
    const was = this.#answered.delete(this.#store.current ?? "");
    this.#render();
    if (was) this.#oncancel();
    return was;
  }

  #render() {
    const entry = this.#answered.get(this.#store.current ?? "");
    this.#bar.hidden = entry === undefined;
    if (!entry) return;
    setText(element("replying-to"), strings["reply.to"](entry.from.name));
    setText(element("replying-text"), excerpt(entry));
  }
}
