// The list of sends without an ack, and of edits, deletes and reactions alike. It outlives a reload, keeps each room's
// order, and knows when a send has become too old to be repeated safely: the server remembers keys for ten minutes, so
// eight after the first try nothing is re-sent unasked.
// What was acknowledged is remembered as long, in case the server loses it and it has to go out again.

import { comparePositions, isPosition } from "./position.js";

/**
 * @typedef {"waiting" | "sending" | "failed"} UnsentState
 * @typedef {import("./protocol.js").Deed} Deed
 * @typedef {{ room: string, key: string, text: string, deed: Deed, at: number, order: number, after: string | null,
 *   tried: boolean, state: UnsentState, why: string, sentAt: number, link: number }} UnsentItem
 *   `after` is our position when it was written, `tried` that it may have reached a server, `why` an error code or
 *   "not_sent" / "unknown"
 * @typedef {{ room: string, key: string, text: string, deed: Deed, position: string, at: number }} StoredItem
 * @typedef {Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">} Shelf
 */

export const TOO_OLD_MS = 8 * 60_000;
/** A send without an answer on a living link is repeated with its key after this. */
export const ANSWER_MS = 15_000;
/** How long the server remembers a key, and so how long we may have to repeat what it acknowledged. */
export const DEDUPE_MS = 10 * 60_000;
/** The most acknowledged sends that are remembered. */
const STORED = 1_000;
/** @type {Deed} */
const SEND = { kind: "send" };

export class Unsent extends EventTarget {
  /** @type {UnsentItem[]} */ #items = [];
  /** Oldest first. @type {StoredItem[]} */ #stored = [];
  /** @type {Shelf} */ #shelf;
  /** @type {() => number} */ #now;
  /** @type {() => string} */ #newKey;
  #user = "";
  /** The keys that the shelf took. @type {Set<string>} */ #kept = new Set();
  /** Changes of messages wait until then. */ #changesFrom = 0;

  /** @param {{ shelf: Shelf, now: () => number, newKey: () => string }} parts */
  constructor({ shelf, now, newKey }) {
    super();
    this.#shelf = shelf;
    this.#now = now;
    this.#newKey = newKey;
  }

  /**
   * Reads what this user left behind. When the same page signs in under another id, the items on it move along; the
   * ones that may have been stored under the old id wait for the user's decision, as keys count per user. So does what
   * `before`, a session of theirs that has ended, left in the browser.
   * @param {string} user @param {string} [before]
   */
  load(user, before = user) {
    if (this.#user === user) return;
    const carried = this.#items;
    this.#stored = [];
    for (const item of carried) this.#erase(item.key);
    this.#user = before;
    const left = before === user ? [] : this.#read();
    for (const item of left) this.#erase(item.key);
    this.#user = user;
    this.#items = this.#read();
    for (const item of [...carried, ...left]) {
      item.state = item.tried || item.state === "failed" ? "failed" : "waiting";
      if (item.tried && item.why === "") item.why = "unknown";
      this.#items.push(item);
      this.#write(item);
    }
    this.#items.sort((a, b) => a.order - b.order);
    for (const room of this.rooms) this.#tell(room);
  }

  /** @param {string} room */
  list(room) {
    return this.#items.filter((item) => item.room === room);
  }

  get rooms() {
    return [...new Set(this.#items.map((item) => item.room))];
  }

  /** @param {string} key */
  roomOf(key) {
    return this.#find(key)?.room ?? null;
  }

  /** Where a first join has to begin for the fate of an old item to be seen in the replay. @param {string} room */
  replayFrom(room) {
    const old = this.#items.find((item) => item.room === room && this.#isOverdue(item));
    return old?.after ?? null;
  }

  /** @param {string} room @param {string} text @param {string | null} after our position in the room
   * @param {Deed} [deed] */
  add(room, text, after, deed = SEND) {
    const at = this.#now();
    const order = Math.max(at, (this.#items.at(-1)?.order ?? 0) + 1);
    /** @type {UnsentItem} */
    const item = {
      room, key: this.#newKey(), text, deed, at, order, after, tried: false, state: "waiting", why: "", sentAt: 0,
      link: 0,
    };
    this.#items.push(item);
    this.#keep(item);
    return item;
  }

  /** The one to send now, or null while another one of this room is in flight. Messages do not wait
   * for changes that are asked to. @param {string} room */
  next(room) {
    const items = this.list(room);
    if (items.some((item) => item.state === "sending")) return null;
    const waits = this.#now() < this.#changesFrom;
    const may = (/** @type {UnsentItem} */ item) => item.deed.kind === "send" || !waits;
    return items.find((item) => item.state === "waiting" && !this.#isOverdue(item) && may(item)) ?? null;
  }

  /** The server wants no changes until then; it counts them once more than messages, which may go on. False if this is
   * no change. @param {string} key @param {number} until */
  holdChanges(key, until) {
    const item = this.#find(key);
    if (!item || item.deed.kind === "send") return false;
    this.#changesFrom = until;
    this.again(key);
    return true;
  }

  /** Something here is too old to be repeated, and what became of it has yet to be found out. @param {string} room */
  isStuck(room) {
    return this.list(room).some((item) => item.state === "waiting" && this.#isOverdue(item));
  }

  /** @param {UnsentItem} item @param {number} link */
  sending(item, link) {
    const now = this.#now();
    // Its age is that of its key on the server, which has not seen it before.
    Object.assign(item, { state: "sending", at: item.tried ? item.at : now, tried: true, sentAt: now, link, why: "" });
    this.#keep(item);
  }

  /** Stored by the server: takes the item out and returns it. @param {string} key @param {string} position */
  acked(key, position) {
    const item = this.remove(key);
    if (!item) return null;
    const at = this.#now();
    this.#stored.push({ room: item.room, key, text: item.text, deed: item.deed, position, at });
    while (this.#stored.length > STORED || at - (this.#stored[0]?.at ?? at) > DEDUPE_MS) this.#stored.shift();
    return item;
  }

  /** The server lost what lies between two positions: puts our own messages among it back on the list, in the order
   * of their positions and under their own keys. Those that the room still shows may be older than what we remember.
   * @param {import("./store.js").LostDetail} lost @param {string | null} position ours in the room */
  takeBack({ room, after, until, messages }, position) {
    const isIn = (/** @type {string} */ place) =>
      comparePositions(place, after) > 0 && (until === null || comparePositions(place, until) < 0);
    const isLost = (/** @type {StoredItem} */ item) => item.room === room && isIn(item.position);
    const keys = new Set(messages.map(({ key }) => key));
    // What was done to a lost message has no target any more: it comes back as it looked last.
    const unseen = this.#stored.filter((item) =>
      isLost(item) && !keys.has(item.key) && (item.deed.kind === "send" || !isIn(item.deed.target)));
    this.#stored = this.#stored.filter((item) => !isLost(item));
    const lost = [...messages, ...unseen].sort((a, b) => comparePositions(a.position, b.position));
    if (lost.length > 0) this.requeue(lost, position);
    return lost.length > 0;
  }

  /** @param {string} key */
  remove(key) {
    const item = this.#find(key);
    if (!item) return null;
    this.#drop(item);
    this.#erase(key);
    this.#tell(item.room);
    return item;
  }

  /** The server said no. @param {string} key @param {string} why */
  failed(key, why) {
    const item = this.#find(key);
    if (!item) return;
    Object.assign(item, { state: "failed", why });
    this.#keep(item);
  }

  /** Nothing can be sent to this room now; what may have been stored before stays repeatable under its key.
   * @param {string} room @param {string} why */
  refuse(room, why) {
    for (const item of this.list(room)) if (item.state !== "failed") this.failed(item.key, why);
  }

  /** The server said "later", or nothing. @param {string} key */
  again(key) {
    const item = this.#find(key);
    if (item?.state !== "sending") return;
    item.state = "waiting";
    this.#tell(item.room);
  }

  /** Whatever was in flight on this link has an unknown outcome; its key makes the repetition harmless.
   * @param {number} link */
  linkLost(link) {
    for (const item of this.#items) if (item.state === "sending" && item.link === link) this.again(item.key);
  }

  /** Gives up waiting for answers that are overdue. */
  expire() {
    const now = this.#now();
    for (const item of this.#items) {
      if (item.state === "sending" && now - item.sentAt > ANSWER_MS) this.again(item.key);
    }
  }

  /**
   * Decides the fate of old items once their room is caught up: those in the replay were taken out by `acked`, so
   * what is left was not sent, unless part of the history is missing.
   * @param {string} room @param {(after: string) => boolean} isCompleteSince
   */
  settle(room, isCompleteSince) {
    for (const item of this.list(room)) {
      if (item.state === "failed" || !this.#isOverdue(item)) continue;
      const certain = item.after !== null && isCompleteSince(item.after);
      this.failed(item.key, certain ? "not_sent" : "unknown");
    }
  }

  /** Another tab wrote the shelf: what it sent, sent again or deleted is the same here.
   * @param {string | null} name @param {string | null} text */
  rewritten(name, text) {
    const item = this.#items.find(({ key }) => this.#place(key) === name);
    if (!item || item.state === "sending") return;
    const fresh = toItem(text);
    if (fresh) Object.assign(item, fresh);
    else this.#drop(item);
    this.#tell(item.room);
  }

  /** The user asks to send a failed item again. The old key is used only where the server still knows it.
   * @param {string} key */
  retry(key) {
    const item = this.#find(key);
    if (item?.state !== "failed") return;
    // Another tab was faster, and its word is still on the way.
    if (this.#kept.has(key) && this.#shelf.getItem(this.#place(key)) === null) return this.rewritten(this.#place(key), null);
    const sameKey = !this.#isOld(item) && item.why !== "key_reused" && item.why !== "unknown";
    if (!sameKey) {
      this.#erase(key);
      Object.assign(item, { key: this.#newKey(), at: this.#now(), tried: false });
    }
    Object.assign(item, { state: "waiting", why: "" });
    this.#keep(item);
  }

  /** Messages of ours that a failover lost go out again under their own keys.
   * @param {{ room: string, key: string, text: string, deed?: Deed }[]} messages @param {string | null} after */
  requeue(messages, after) {
    const now = this.#now();
    const first = (this.#items[0]?.order ?? now) - messages.length;
    const back = messages.filter(({ key }) => !this.#find(key)).map(({ room, key, text, deed = SEND }, index) => {
      /** @type {UnsentItem} */
      const item = {
        room, key, text, deed, at: now, order: first + index, after, tried: true, state: "waiting", why: "",
        sentAt: 0, link: 0,
      };
      return item;
    });
    this.#items.unshift(...back);
    for (const item of back) this.#keep(item);
  }

  /** A clock that went backwards says nothing about age, so such an item counts as old. @param {UnsentItem} item */
  #isOld(item) {
    const age = this.#now() - item.at;
    return age > TOO_OLD_MS || age < -60_000;
  }

  /** What never went out cannot be there twice, so that it waits as long as it takes. @param {UnsentItem} item */
  #isOverdue(item) {
    return item.tried && this.#isOld(item);
  }

  /** @param {string} key */
  #find(key) {
    return this.#items.find((item) => item.key === key) ?? null;
  }

  /** @param {UnsentItem} item */
  #drop(item) {
    this.#items = this.#items.filter((other) => other !== item);
    this.#kept.delete(item.key);
  }

  /** @param {UnsentItem} item */
  #keep(item) {
    this.#write(item);
    this.#tell(item.room);
  }

  /** @param {string} room */
  #tell(room) {
    this.dispatchEvent(new CustomEvent("change", { detail: room }));
  }

  /** One entry per item, so that two tabs never overwrite each other's list. @param {UnsentItem} item */
  #write({ room, key, text, deed, at, order, after, tried, state, why }) {
    const item = { room, key, text, deed, at, order, after, tried, failed: state === "failed", why };
    try {
      this.#shelf.setItem(this.#place(key), JSON.stringify(item));
      this.#kept.add(key);
    } catch {
      // A full or forbidden storage costs the survival of a reload, not the message.
    }
  }

  /** @param {string} key */
  #erase(key) {
    this.#kept.delete(key);
    try {
      this.#shelf.removeItem(this.#place(key));
    } catch {
      // Nothing was stored then.
    }
  }

  #read() {
    /** @type {UnsentItem[]} */
    const items = [];
    const prefix = this.#place("");
    try {
      for (let index = 0; index < this.#shelf.length; index += 1) {
        const name = this.#shelf.key(index);
        if (!name?.startsWith(prefix)) continue;
        const item = toItem(this.#shelf.getItem(name));
        if (!item) continue;
        items.push(item);
        this.#kept.add(item.key);
      }
    } catch {
      // Without storage there is nothing to read back.
    }
    return items;
  }

  /** @param {string} key */
  #place(key) {
    return `hubbub:unsent:${this.#user}:${key}`;
  }
}

/** Reads one stored item; anything of another shape is ignored. @param {string | null} text @returns {UnsentItem | null} */
function toItem(text) {
  try {
    const { room, key, text: body, deed, at, order, after, tried, failed, why } = JSON.parse(text ?? "");
    if (typeof room !== "string" || typeof key !== "string" || typeof body !== "string") return null;
    return {
      room, key, text: body, deed: toDeed(deed), at: Number(at) || 0, order: Number(order) || 0,
      after: typeof after === "string" ? after : null, tried: tried !== false,
      state: failed ? "failed" : "waiting", why: String(why ?? ""), sentAt: 0, link: 0,
    };
  } catch {
    return null;
  }
}

/** Lists of an earlier build hold messages only, and do not say so. @param {any} value @returns {Deed} */
function toDeed(value) {
  const { kind, target, emoji, on, reply_to: replyTo } = value ?? SEND;
  if (kind === "send") return isPosition(replyTo) ? { kind, reply_to: replyTo } : SEND;
  if (!isPosition(target)) throw new Error("no target");
  if (kind === "edit" || kind === "delete") return { kind, target };
  if (kind === "react" && typeof emoji === "string") return { kind, target, emoji, on: on === true };
  throw new Error("no deed");
}
