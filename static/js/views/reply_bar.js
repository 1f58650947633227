// Says above the composer which message the next one answers. Each room has its own, which is kept as its draft is.

import { messageAt } from "../fold.js";
import { button, byId, element, setText } from "../lib/dom.js";
import { isReply, recallReply, rememberReply } from "../memory.js";
import { strings } from "../strings.js";
import { excerpt } from "./message_parts.js";

/** @typedef {import("../room.js").MessageEntry} MessageEntry */

export class ReplyBar {
  #store;
  #bar = element("replying");
  #room = "";
  /** Where what is answered stands; "" for nothing. */ #position = "";
  /** As the page had it last: it may let go of what is far up. @type {MessageEntry | null} */ #entry = null;
  #oncancel;

  /** @param {import("../store.js").Store} store @param {() => void} oncancel */
  constructor(store, oncancel) {
    this.#store = store;
    this.#oncancel = oncancel;
    button("reply-cancel").addEventListener("click", () => this.cancel());
    store.addEventListener("rooms", () => this.#render());
    store.addEventListener("room", () => this.#render());
    store.addEventListener("folded", (event) => {
      const { type, room, target } = /** @type {CustomEvent<import("../fold.js").FoldFrame>} */ (event).detail;
      if (type === "deleted" && room === this.#room && target === this.#position) this.#answer("");
    });
    // What another tab has sent is answered, unless one goes on with an answer of one's own here.
    addEventListener("storage", (event) => {
      const isFree = byId("composer-text", HTMLTextAreaElement).value === "";
      if (isFree && isReply(event, this.#room, this.#position)) this.#answer("");
    });
  }

  /** @param {MessageEntry} entry of the open room */
  answer({ position }) {
    if (this.#store.current !== null) this.#answer(position);
  }

  /** What the message that is being sent does; the next one answers nothing. @returns {import("../protocol.js").Deed} */
  take() {
    const reply_to = this.#position;
    this.#answer("");
    return reply_to === "" ? { kind: "send" } : { kind: "send", reply_to };
  }

  /** True if there was something to call off. */
  cancel() {
    const was = this.#position !== "";
    this.#answer("");
    if (was) this.#oncancel();
    return was;
  }

  /** @param {string} position */
  #answer(position) {
    // What another tab answers is not ours to forget.
    if (position !== "" || recallReply(this.#room) === this.#position) rememberReply(this.#room, position);
    this.#position = position;
    this.#entry = null;
    this.#render();
  }

  #render() {
    const { open: room, current, isMuted } = this.#store;
    if (current !== null && current !== this.#room) {
      this.#room = current;
      this.#position = recallReply(current);
      this.#entry = null;
    }
    this.#bar.hidden = this.#position === "" || current === null;
    if (this.#bar.hidden) return;
    this.#entry = messageAt(room, this.#position) ?? this.#entry;
    if (this.#entry?.deleted) return this.#answer("");
    const entry = this.#entry && isMuted(this.#entry.from) ? null : this.#entry;
    setText(element("replying-to"), entry ? strings["reply.to"](entry.from.name) : "");
    setText(element("replying-text"), entry ? excerpt(entry) : strings["quote.earlier"]);
  }
}
