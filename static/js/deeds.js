// What one does to a room under a key, as it waits in the list of unsent: a newer wish overtakes an older one that has
// not gone out, and messages look as if everything had been done already.

import { fold, hasReacted, messageAt } from "./fold.js";

/**
 * @typedef {import("./protocol.js").Deed} Deed
 * @typedef {import("./protocol.js").User} User
 * @typedef {import("./room.js").MessageEntry} MessageEntry
 * @typedef {import("./unsent.js").UnsentItem} UnsentItem
 * @typedef {{ entry: MessageEntry, fate: "" | "pending" | "failed", item: UnsentItem | null }} Outlook how a message
 *   looks with what waits, and the item that has failed or is on its way
 */

/**
 * Puts something on the list of unsent.
 * @param {{ store: import("./store.js").Store, unsent: import("./unsent.js").Unsent }} parts
 * @param {string} name @param {string} text @param {Deed} [deed]
 */
export function post({ store, unsent }, name, text, deed = { kind: "send" }) {
  const room = store.rooms.get(name) ?? null;
  if (deed.kind !== "send") {
    const waiting = unsent.list(name).filter((item) => isAbout(item, deed.target));
    for (const item of waiting) if (overtakes(deed, item)) unsent.remove(item.key);
    if (isAlready(deed, messageAt(room, deed.target), unsent.list(name), store.me)) return;
  }
  unsent.add(name, text, room?.position ?? null, deed);
}

/** @param {UnsentItem} item @param {string} target */
function isAbout({ deed }, target) {
  return deed.kind !== "send" && deed.target === target;
}

/** @param {Deed} deed @param {UnsentItem} item about the same message */
function overtakes(deed, item) {
  if (item.state === "sending" || (item.tried && item.state !== "failed")) return false;
  if (deed.kind === "delete") return true;
  if (deed.kind === "react") return item.deed.kind === "react" && item.deed.emoji === deed.emoji;
  return item.deed.kind === "edit";
}

/** A reaction that was taken back before it went out needs no frame at all. @param {Deed} deed
 * @param {MessageEntry | null} entry @param {UnsentItem[]} waiting @param {User | null} me */
function isAlready(deed, entry, waiting, me) {
  if (deed.kind !== "react" || !entry || !me) return false;
  const { emoji, target } = deed;
  if (waiting.some((item) => item.deed.kind === "react" && item.deed.emoji === emoji && isAbout(item, target))) return false;
  return hasReacted(entry, deed.emoji, me.id) === deed.on;
}

/**
 * Takes reactions and deletions off the list that were refused because their message is gone: nothing is missing.
 * @param {{ store: import("./store.js").Store, unsent: import("./unsent.js").Unsent }} parts @param {string} name
 */
export function dropMoot({ store, unsent }, name) {
  const room = store.rooms.get(name) ?? null;
  for (const { key, deed, state, why } of unsent.list(name)) {
    if (state !== "failed" || deed.kind === "send" || deed.kind === "edit") continue;
    if (why === "bad_position" || messageAt(room, deed.target)?.deleted) unsent.remove(key);
  }
}

/**
 * What the store is told once the server has stored an item.
 * @param {UnsentItem} item @param {User} me @param {string} position @param {number} at
 * @returns {import("./store.js").PageFrame}
 */
export function deedDone({ room, key, text, deed }, me, position, at) {
  if (deed.kind !== "send") {
    return { type: "@done", room, fold: { position, key, target: deed.target, change: toChange(text, deed, me, at) } };
  }
  const { reply_to } = deed;
  const answer = reply_to ? { reply_to } : {};
  return { type: "@sent", message: { type: "message", room, position, key, from: me, text, at, ...answer } };
}

/** @param {string} text @param {Exclude<Deed, { kind: "send" }>} deed @param {User} by @param {number} at
 * @returns {import("./fold.js").Change} */
function toChange(text, deed, by, at) {
  if (deed.kind === "edit") return { kind: "edit", text, at, mentions: undefined };
  if (deed.kind === "delete") return { kind: "delete" };
  return { kind: "react", emoji: deed.emoji, on: deed.on, by };
}

/** The outlook of the last call, so that an unchanged message stays the same object. @type {WeakMap<MessageEntry,
 * { mark: string, outlook: Outlook }>} */
const known = new WeakMap();

/**
 * A message with what waits to be done to it. A change that failed is shown by its item, and not done.
 * @param {MessageEntry} entry @param {UnsentItem[]} items those about this message, in order @param {User} me
 * @returns {Outlook}
 */
export function withDeeds(entry, items, me) {
  if (items.length === 0) return { entry, fate: "", item: null };
  const mark = items.map(({ key, state }) => `${key}:${state}`).join();
  const old = known.get(entry);
  if (old?.mark === mark) return old.outlook;
  let made = entry;
  for (const { text, deed, state, at } of items) {
    if (deed.kind !== "send" && state !== "failed") made = fold(made, toChange(text, deed, me, at));
  }
  const failed = items.find(({ state }) => state === "failed") ?? null;
  const slow = items.find(({ deed }) => deed.kind === "edit" || deed.kind === "delete") ?? null;
  /** @type {Outlook} */
  const outlook = { entry: made, fate: failed ? "failed" : slow ? "pending" : "", item: failed ?? slow };
  known.set(entry, { mark, outlook });
  return outlook;
}

/** The items that change messages, by the position they are about. @param {UnsentItem[]} items */
export function byTarget(items) {
  /** @type {Map<string, UnsentItem[]>} */
  const found = new Map();
  for (const item of items) {
    if (item.deed.kind === "send") continue;
    const { target } = item.deed;
    found.set(target, [...(found.get(target) ?? []), item]);
  }
  return found;
}
