// Conversations of two with somebody whose name is somebody else's by now: most likely they are back after their session
// ended, and whoever goes on writing there writes to nobody.

import { build } from "../lib/build.js";
import { element, setText } from "../lib/dom.js";
import { perFrame } from "../lib/timing.js";
import { otherOf } from "../private.js";
import { isDirect } from "../protocol.js";
import { strings } from "../strings.js";

/** @typedef {import("../protocol.js").User} User */

export class NamesakesView {
  #store;
  #text = build("p", { dir: "auto" });
  #line = build("div", { id: "namesake", class: "notice", role: "status", hidden: true }, this.#text);
  /** Those who are away while another one of their name is here, or was. @type {Set<string>} */ #replaced = new Set();

  /** @param {import("../store.js").Store} store */
  constructor(store) {
    this.#store = store;
    element("notice").after(this.#line);
    const render = perFrame(() => this.#render());
    store.addEventListener("rooms", render);
    store.addEventListener("room", render);
    render();
  }

  #render() {
    const { rooms, me, current } = this.#store;
    const direct = [...rooms.values()].filter(({ name }) => isDirect(name));
    const others = new Map(direct.map((room) => [room.name, room.closed ? undefined : otherOf(room, me)]));
    this.#look([...others.values()]);
    for (const row of element("direct-rooms").children) {
      const name = this.#replacedIn(others, row.getAttribute("data-room"));
      const words = name === null ? "" : strings["people.namesake"](name);
      row.classList.toggle("namesake", words !== "");
      row.querySelector("a")?.setAttribute("aria-description", words);
    }
    const name = this.#replacedIn(others, current);
    this.#line.hidden = name === null;
    setText(this.#text, name === null ? "" : strings["people.namesake"](name));
  }

  /** The name of the other one, if somebody else has it. @param {Map<string, User | undefined>} others
   * @param {string | null} room */
  #replacedIn(others, room) {
    const other = others.get(room ?? "");
    return other && this.#replaced.has(other.id) ? other.name : null;
  }

  /** @param {(User | undefined)[]} others */
  #look(others) {
    if (others.length === 0) return;
    const here = new Map([...this.#store.rooms.values()].flatMap(({ members }) => [...members]));
    const holders = new Map([...here].map(([id, name]) => [name.toLowerCase(), id]));
    for (const other of others) {
      if (!other) continue;
      // Two of one name may well be here, as sites bring their own users.
      if (here.has(other.id)) this.#replaced.delete(other.id);
      else if (holders.has(other.name.toLowerCase())) this.#replaced.add(other.id);
    }
  }
}
