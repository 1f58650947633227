// Which private rooms one was invited to and has not looked at, kept beside the list of rooms: the sign of it outlives a
// reload, and goes in every tab when one looks in one of them. The server does not know; what is not kept is not shown.

import { isInvitations, recallInvited, rememberInvited } from "./memory.js";

/** So many may be let into without joining (see docs/protocol.md). */
const MOST = 100;

export class Invitations {
  #store;
  /** The rooms that this tab shows as such. @type {Set<string>} */ #rooms = new Set();

  /** @param {import("./store.js").Store} store */
  constructor(store) {
    this.#store = store;
    store.addEventListener("invited", (event) => {
      const { room } = /** @type {CustomEvent<import("./store.js").InvitedDetail>} */ (event).detail;
      this.#rooms.add(room);
      this.#keep(room, true);
    });
    store.addEventListener("room", (event) => this.#check(/** @type {CustomEvent<string>} */ (event).detail));
    globalThis.addEventListener?.("storage", ({ key }) => {
      if (store.me && isInvitations(key, store.me.id)) this.#follow();
    });
  }

  /** Takes up what was left unanswered, once the rooms are there. */
  load() {
    const { me, rooms } = this.#store;
    for (const room of me ? recallInvited(me.id) : []) {
      // Another list says which rooms one is in.
      if (rooms.has(room)) this.#mark(room, true);
      else this.#keep(room, false);
    }
  }

  /** @param {string} room */
  #check(room) {
    if (!this.#rooms.has(room)) return;
    const { invited = false, closed = true } = this.#store.rooms.get(room) ?? {};
    if (invited && !closed) return;
    this.#rooms.delete(room);
    this.#keep(room, false);
  }

  /** Another tab has changed the list: one that is gone from it was looked at there. */
  #follow() {
    const kept = new Set(recallInvited(this.#store.me?.id ?? ""));
    for (const room of [...this.#rooms]) if (!kept.has(room)) this.#mark(room, false);
  }

  /** @param {string} room @param {boolean} on */
  #mark(room, on) {
    if (on) this.#rooms.add(room);
    this.#store.apply({ type: "@invited", room, on });
  }

  /** Other tabs write the same list. @param {string} room @param {boolean} on */
  #keep(room, on) {
    const user = this.#store.me?.id;
    if (user === undefined) return;
    const others = recallInvited(user).filter((each) => each !== room);
    rememberInvited(user, (on ? [...others, room] : others).slice(-MOST));
  }
}
