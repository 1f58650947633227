// What later entries of the log make of a message: an edit changes its text, a delete blanks it, a reaction is set or
// unset. Each entry is applied once, by its position; what a failover took is undone.

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
 * @typedef {{ position: string, target: string, undo: (entry: MessageEntry) => MessageEntry }} Fold
 */

/** How many changes can be undone. A failover loses less than a second of them. */
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
  const { position, target } = frame;
  if (room.position !== null && comparePositions(position, room.position) <= 0) return;
  room.advance(position);
  const before = messageAt(room, target);
  if (!before) return;
  changeAt(room, target, toChange(frame));
  room.folds.push({ position, target, undo: undoOf(frame, before) });
  if (room.folds.length > KEPT) room.folds.shift();
}

/** Changes the message at a position, if the page has it. @param {Room} room @param {string} target
 * @param {Change} change */
export function changeAt(room, target, change) {
  replaceAt(room, target, (entry) => fold(entry, change));
}

/** Undoes what lies after `after` and before `until`: the server does not have it any more.
 * @param {Room} room @param {string} after @param {string | null} until */
export function unfold(room, after, until) {
  const isLost = (/** @type {Fold} */ { position }) =>
    comparePositions(position, after) > 0 && (until === null || comparePositions(position, until) < 0);
  for (const { target, undo } of room.folds.filter(isLost).reverse()) replaceAt(room, target, undo);
  room.folds = room.folds.filter((each) => !isLost(each));
}

/** @param {Room} room @param {string} target @param {(entry: MessageEntry) => MessageEntry} make */
function replaceAt(room, target, make) {
  const entry = messageAt(room, target);
  if (entry) room.entries[room.entries.indexOf(entry)] = make(entry);
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

/** @param {FoldFrame} frame @param {MessageEntry} before @returns {(entry: MessageEntry) => MessageEntry} */
function undoOf(frame, before) {
  if (frame.type === "reacted") {
    const { emoji, by } = frame;
    const on = hasReacted(before, emoji, by.id);
    return (entry) => fold(entry, { kind: "react", emoji, on, by });
  }
  const { text, edited, deleted, mentions, reactions } = before;
  if (frame.type === "edited") return (entry) => ({ ...entry, text, edited, mentions });
  return (entry) => ({ ...entry, text, edited, deleted, mentions, reactions });
}
