// How far we have read, beyond this page: kept for the next visit, told to the other tabs at once, and to the server,
// which tells our other devices. Each of them may be missing; the furthest position anybody knows counts.

import { isPosition, later } from "./position.js";

/**
 * @typedef {{ postMessage: (value: unknown) => void, onmessage: ((event: MessageEvent) => void) | null }} Channel
 * @typedef {{ recall: (user: string) => unknown, keep: (user: string, reads: Record<string, string>) => void }} Shelf
 * @typedef {{ store: import("./store.js").Store, shelf: Shelf, channel: Channel | null,
 *   tell: (room: string, position: string) => boolean, later: (ms: number, act: () => void) => void }} Parts
 */

/** Rooms that are remembered; those read longest ago are forgotten first. */
const MOST_ROOMS = 300;
/** What nobody could be told is tried again after this. */
const AGAIN_MS = 5_000;
/** Reading goes on all the time, so what is said of it is gathered: for the server and the next visit … */
const EVERY_MS = 1_000;
/** … and for the other tabs, which wait ten times as long before they call for what is read here. */
const TABS_MS = 50;

export class Reads {
  /** @type {Parts} */ #parts;
  /** In the order they were read. @type {Map<string, string>} */ #reads = new Map();
  /** Rooms whose position the server does not know yet. @type {Set<string>} */ #untold = new Set();
  #waiting = false;
  /** Another tab has read, and may not have written it down before this one is loaded anew. */ #heard = false;
  /** Rooms whose position the other tabs do not know yet. @type {Set<string>} */ #news = new Set();

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
    const { store, channel } = parts;
    store.recallRead = (room) => this.#reads.get(room) ?? null;
    store.addEventListener("read", (event) => this.#onRead(/** @type {CustomEvent<string>} */ (event).detail));
    store.addEventListener("forgotten", (event) => this.#drop(/** @type {CustomEvent<string>} */ (event).detail));
    if (channel) channel.onmessage = ({ data }) => this.#onTold(data);
  }

  /** Takes up what was read on earlier visits. */
  load() {
    const { store, shelf } = this.#parts;
    this.#reads = parse(shelf.recall(store.me?.id ?? ""));
  }

  /** @param {string} room */
  #onRead(room) {
    const { store } = this.#parts;
    const position = store.rooms.get(room)?.read ?? null;
    if (position === null || store.me === null) return;
    this.#note(room, position);
    this.#untold.add(room);
    if (this.#news.size === 0) this.#parts.later(TABS_MS, () => this.#tellTabs());
    this.#news.add(room);
    this.#flushLater(EVERY_MS);
  }

  /** @param {number} ms */
  #flushLater(ms) {
    if (this.#waiting) return;
    this.#waiting = true;
    this.#parts.later(ms, () => this.flush());
  }

  #tellTabs() {
    const { store, channel } = this.#parts;
    const user = store.me?.id;
    for (const room of this.#news) {
      const position = this.#reads.get(room);
      if (user !== undefined && position !== undefined) channel?.postMessage({ type: "read", user, room, position });
    }
    this.#news.clear();
  }

  /** Another tab has read; anything may be said on a channel, by an older or newer build. @param {any} told */
  #onTold(told) {
    const { store } = this.#parts;
    if (told?.type !== "read" || told.user !== store.me?.id || !isPosition(told.position)) return;
    this.#note(String(told.room), told.position);
    this.#heard = true;
    store.apply({ type: "read", room: told.room, position: told.position });
  }

  /** Writes down and tells the server what has gathered. */
  flush() {
    this.#waiting = false;
    this.#tellTabs();
    const { store, shelf, tell } = this.#parts;
    if (store.me === null || (this.#untold.size === 0 && !this.#heard)) return;
    this.#heard = false;
    // Another tab may have written meanwhile.
    for (const [room, position] of parse(shelf.recall(store.me.id))) {
      if (later(position, this.#reads.get(room) ?? null) !== this.#reads.get(room)) this.#note(room, position);
    }
    shelf.keep(store.me.id, Object.fromEntries(this.#reads));
    for (const name of this.#untold) {
      const room = store.rooms.get(name);
      if (!room?.sharesRead || room.read === null || tell(name, room.read)) this.#untold.delete(name);
    }
    if (this.#untold.size > 0) this.#flushLater(AGAIN_MS);
  }

  /** Leaves what has gathered: whoever signs out wants nothing kept. */
  forget() {
    this.#heard = false;
    this.#untold.clear();
    this.#news.clear();
  }

  /** One left it for good: whoever is invited again comes as for the first time. @param {string} room */
  #drop(room) {
    const { store, shelf } = this.#parts;
    for (const kept of [this.#reads, this.#untold, this.#news]) kept.delete(room);
    if (store.me === null) return;
    const kept = parse(shelf.recall(store.me.id));
    if (kept.delete(room)) shelf.keep(store.me.id, Object.fromEntries(kept));
  }

  /** @param {string} room @param {string} position */
  #note(room, position) {
    const furthest = later(this.#reads.get(room) ?? null, position) ?? position;
    this.#reads.delete(room);
    this.#reads.set(room, furthest);
    for (const oldest of this.#reads.keys()) {
      if (this.#reads.size <= MOST_ROOMS) break;
      this.#reads.delete(oldest);
    }
  }
}

/** @param {unknown} stored @returns {Map<string, string>} */
function parse(stored) {
  if (stored === null || typeof stored !== "object") return new Map();
  return new Map(Object.entries(stored).filter(([, position]) => isPosition(position)));
}

/** Where the other tabs listen, if the browser has such a place. @returns {Channel | null} */
export function openChannel() {
  try {
    return new BroadcastChannel("hubbub");
  } catch {
    return null;
  }
}
