// The line above the conversation: what an operator says to everybody, and who let us into a room, with the way there.

import { button, element, setText } from "../lib/dom.js";

export class NoticeView {
  #line = element("notice");
  #go = button("notice-open");
  /** The room it leads to; "" for none. */ #room = "";

  /**
   * @param {import("../store.js").Store} store @param {(room: string) => void} open
   * @param {() => void} onclose it was closed by hand, and the control that did it is gone
   */
  constructor(store, open, onclose) {
    store.addEventListener("notice", (event) => this.say(/** @type {CustomEvent<string>} */ (event).detail));
    store.addEventListener("invited", (event) => {
      const { room, text } = /** @type {CustomEvent<import("../store.js").InvitedDetail>} */ (event).detail;
      this.say(text, room);
    });
    // The words about an invitation go when one has looked, here or in another tab.
    store.addEventListener("room", () => {
      if (this.#room !== "" && !store.rooms.get(this.#room)?.invited) this.#close();
    });
    this.#go.addEventListener("click", () => open(this.#room));
    button("notice-close").addEventListener("click", () => {
      this.#close();
      onclose();
    });
  }

  /** @param {string} text @param {string} [room] */
  say(text, room = "") {
    this.#room = room;
    setText(element("notice-text"), text);
    this.#go.hidden = room === "";
    this.#line.hidden = false;
  }

  /** Nobody has invited whoever is here from now on. */
  leadNowhere() {
    if (this.#room !== "") this.#close();
  }

  #close() {
    this.#room = "";
    this.#line.hidden = true;
  }
}
