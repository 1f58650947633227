// What of a room is new to us: counts and the line "new" follow from one position, the one up to which we have read.
// Plain rules over a Room; the store decides when to use them.

import { mentions } from "./mention.js";
import { START, comparePositions, later } from "./position.js";
import { isDirect, isPrivate } from "./protocol.js";

/**
 * @typedef {import("./room.js").Room} Room
 * @typedef {import("./protocol.js").User} User
 * @typedef {{ me: User | null, isMuted: (user: User) => boolean }} Reader
 */

/**
 * One more message of the log, which has just been put into the room.
 * @param {Room} room @param {{ position: string, from: User, text: string, mentions?: string[], deleted?: boolean }} message
 * @param {Reader} reader @param {boolean} attending somebody sees it come
 */
export function addUnread(room, message, reader, attending) {
  const { position } = message;
  if (message.from.id === reader.me?.id) {
    // Whoever writes has read what stands above, on whichever of their devices it was.
    room.divider = null;
    return moveRead(room, position, reader);
  }
  if (message.deleted || reader.isMuted(message.from) || comparePositions(position, room.read ?? START) <= 0) return false;
  if (attending) return moveRead(room, position, reader);
  // A run of unread messages begins here; while it lasts the line stays.
  if (room.unread === 0) room.divider = room.read ?? room.divider;
  room.unread += 1;
  if (mentions(message, reader.me)) room.mentions += 1;
  return false;
}

/**
 * We have read up to here, or did so elsewhere. It never goes back. True when that is further than before.
 * @param {Room} room @param {string | null} position @param {Reader} reader
 */
export function moveRead(room, position, reader) {
  const read = later(room.read, position);
  if (read === room.read) return false;
  room.read = read;
  if (read !== START) room.invited = false;
  if (room.unread > 0) recount(room, reader);
  return true;
}

/** Counts from the end, up to what we have read. @param {Room} room @param {Reader} reader */
export function recount(room, reader) {
  const { me, isMuted } = reader;
  if (room.people.length > 0 && !calls(room, reader)) room.invited = false;
  room.unread = room.mentions = room.invited ? 1 : 0;
  const read = room.read ?? START;
  for (let index = room.entries.length - 1; index >= 0; index -= 1) {
    const entry = room.entries[index];
    if (!entry || comparePositions(entry.position, read) <= 0) break;
    if (entry.kind !== "message" || entry.lost || entry.deleted || entry.from.id === me?.id || isMuted(entry.from)) continue;
    room.unread += 1;
    if (mentions(entry, me)) room.mentions += 1;
  }
}

/**
 * The first join of this visit has told where the log ends. Whoever comes to a public room for the first time begins
 * there: its past is no news. True when that is so, and has to be remembered.
 * @param {Room} room @param {Reader} reader @param {boolean} isFirst nobody knows that we have been here before
 */
export function beginReading(room, reader, isFirst) {
  const begins = isFirst && (room.uncalled || !isPrivate(room.name));
  if (begins) room.read = room.head;
  room.invited ||= isFirst && isInvitation(room, reader);
  recount(room, reader);
  return begins;
}

/** A private room of others whose log has begun, as it does when somebody is invited. @param {Room} room @param {Reader} reader */
function isInvitation(room, reader) {
  const { name, head, uncalled } = room;
  return isPrivate(name) && !isDirect(name) && !uncalled && head !== START && calls(room, reader);
}

/** Somebody is among its people who may call us. @param {Room} room @param {Reader} reader */
function calls({ people }, { me, isMuted }) {
  return people.some((user) => user.id !== me?.id && !isMuted(user));
}

/** The room comes on screen: the line goes above what is new now, and stays there. @param {Room} room */
export function placeDivider(room) {
  room.divider = room.unread > 0 ? (room.read ?? START) : null;
}

/** What was new when the line was placed may begin further up than what was loaded. @param {Room} room */
export function beginsFurtherUp({ divider, more, before }) {
  return divider !== null && more && comparePositions(divider, before ?? START) < 0;
}

/** There may be more unread messages than those that were loaded. @param {Room} room */
export function isAtLeast(room) {
  return room.unread > 0 && room.more && comparePositions(room.read ?? START, room.oldest ?? START) < 0;
}
