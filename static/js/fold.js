// What later entries of the log make of a message: an edit changes its text, a delete blanks it, a reaction is set or
// unset. The latest of these are kept beside what the messages were without them, so that each counts once and in its
// place, however it came, and what a failover took can be undone.

import { comparePositions } from "./position.js";

/**
 * @typedef {import("./room.js").Room} Room
 * @typedef {import("./room.js").MessageEntry} MessageEntry
 * @typedef {import("./protocol.js").User} User
 * @typedef {import("./protocol.js").MessageFrame} MessageFrame
 * @typedef {import("./protocol.js").EditedFrame | import("./protocol.js").DeletedFrame
 *   | import("./protocol.js").ReactedFrame} FoldFrame
 * @typedef {{ kind: "edit", text: string, at: number, mentions: string[] | undefined } | { kind: "delete" }
 *   | { kind: "react", emoji: string, on: boolean, by: User }} Change
 * @typedef {{ position: string, key: string, target: string, change: Change }} Fold
 */

/** How many changes are kept. A failover loses less than a second of them. */
const KEPT = 500;

/** @param {MessageFrame} frame @returns {MessageEntry} */
export function toEntry(frame) {
  const { position, key, from, text, at } = frame;
  /** @type {MessageEntry} */
  const entry = { kind: "message", position, key, from, text, at };
  if (frame.reply_to) entry.reply_to = frame.reply_to;
  if (frame.edited) entry.edited = frame.edited;
  if (frame.deleted) entry.deleted = true;
  if (frame.reactions?.length) entry.reactions = frame.reactions;
  if (frame.mentions?.length) entry.mentions = frame.mentions;
  return entry;
}

/** The message at a position, if the page has it. @param {Room | null} room @param {string | undefined} position */
export function messageAt(room, position) {
  if (!room || position === undefined) return null;
  let low = 0;
  let high = room.entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const entry = room.entries[middle];
    if (entry && comparePositions(entry.position, position) < 0) low = middle + 1;
    else high = middle;
  }
  for (; room.entries[low]?.position === position; low += 1) {
    const entry = room.entries[low];
    if (entry?.kind === "message") return entry;
  }
  return null;
}

/**
 * A message after one change. A deleted one stays deleted.
 * @param {MessageEntry} entry @param {Change} change @returns {MessageEntry}
 */
export function fold(entry, change) {
  if (entry.deleted) return entry;
  switch (change.kind) {
    case "edit":
      return { ...entry, text: change.text, edited: change.at, mentions: change.mentions ?? entry.mentions };
    case "delete":
      return { ...entry, text: "", deleted: true, reactions: undefined, mentions: undefined };
    case "react":
      return { ...entry, reactions: react(entry.reactions ?? [], change) };
  }
}

/** @param {import("./protocol.js").Reaction[]} reactions @param {{ emoji: string, on: boolean, by: User }} change */
function react(reactions, { emoji, on, by }) {
  const found = reactions.find((reaction) => reaction.emoji === emoji);
  const others = (found?.users ?? []).filter((user) => user.id !== by.id);
  const isThere = found !== undefined && others.length < found.users.length;
  if (on === isThere) return reactions;
  const users = on ? [...others, by] : others;
  if (!found) return [...reactions, { emoji, users }];
  return reactions.map((each) => (each === found ? { emoji, users } : each)).filter((each) => each.users.length > 0);
}

/** @param {MessageEntry} entry @param {string} emoji @param {string} user */
export function hasReacted(entry, emoji, user) {
  return entry.reactions?.find((each) => each.emoji === emoji)?.users.some(({ id }) => id === user) ?? false;
}

/**
 * Applies an entry of the log, unless it was applied already: two links may bring the same one.
 * @param {Room} room @param {FoldFrame} frame
 */
export function applyFold(room, frame) {
  const { position, key, target } = frame;
  if (isOld(room, position)) return;
  room.advance(position);
  addFold(room, { position, key, target, change: toChange(frame) });
}

/** A change of ours that the server has acknowledged, unless its entry was faster. @param {Room} room @param {Fold} fold */
export function applyDone(room, fold) {
  if (!isOld(room, fold.position)) addFold(room, fold);
}

/**
 * A message as the server shows it. Its answer may be older than changes that have come meanwhile.
 * @param {Room} room @param {MessageFrame} frame @returns {MessageEntry}
 */
export function adopt(room, frame) {
  const entry = toEntry(frame);
  if (!room.bases.has(entry.position)) return entry;
  room.bases.set(entry.position, entry);
  return folded(room, entry);
}

/** Undoes what lies after `after` and before `until`: the server does not have it any more. A message that is lost as
 * well stays as it looked last: so its sender restores it, and what they deleted is not shown again.
 * @param {Room} room @param {string} after @param {string | null} until */
export function unfold(room, after, until) {
  const isLost = (/** @type {string} */ position) =>
    comparePositions(position, after) > 0 && (until === null || comparePositions(position, until) < 0);
  const lost = room.folds.filter(({ position }) => isLost(position));
  room.folds = room.folds.filter(({ position }) => !isLost(position));
  for (const target of new Set(lost.map((each) => each.target))) {
    if (isLost(target)) room.bases.delete(target);
    else refold(room, target);
  }
}

/** @param {Room} room @param {string} position */
function isOld(room, position) {
  return room.position !== null && comparePositions(position, room.position) <= 0;
}

/** @param {Room} room @param {Fold} fold */
function addFold(room, fold) {
  const { position, key, target } = fold;
  // The entry of a change takes the place of its ack.
  const folds = room.folds.filter((each) => each.position !== position || each.key !== key);
  let at = folds.length;
  while (at > 0 && comparePositions(folds[at - 1]?.position ?? "", position) > 0) at -= 1;
  folds.splice(at, 0, fold);
  room.folds = folds;
  if (!room.bases.has(target)) room.bases.set(target, messageAt(room, target));
  const oldest = folds.length > KEPT ? folds.shift() : undefined;
  if (oldest) settle(room, oldest);
  refold(room, target);
}

/** The oldest change is not to be undone any more. @param {Room} room @param {Fold} fold */
function settle(room, { target, change }) {
  const base = room.bases.get(target);
  if (base) room.bases.set(target, fold(base, change));
  dropBase(room, target);
}

/** @param {Room} room @param {string} target */
function dropBase(room, target) {
  if (!room.folds.some((each) => each.target === target)) room.bases.delete(target);
}

/** @param {Room} room @param {MessageEntry} entry without the changes that are kept */
function folded(room, entry) {
  return room.folds.reduce((made, { target, change }) => (target === entry.position ? fold(made, change) : made), entry);
}

/** Shows a message with the changes of it that are there. @param {Room} room @param {string} target */
function refold(room, target) {
  const base = room.bases.get(target);
  const entry = messageAt(room, target);
  if (base && entry) room.entries[room.entries.indexOf(entry)] = folded(room, base);
  dropBase(room, target);
}

/** @param {FoldFrame} frame @returns {Change} */
function toChange(frame) {
  switch (frame.type) {
    case "edited":
      // An edit that has been followed by a delete is blank in a replay; the delete comes after it.
      return { kind: "edit", text: frame.text, at: frame.at, mentions: frame.mentions ?? [] };
    case "deleted":
      return { kind: "delete" };
    case "reacted":
      return { kind: "react", emoji: frame.emoji, on: frame.on, by: frame.by };
  }
}
