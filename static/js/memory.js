// What the browser remembers for us between visits. Every access may fail (private windows, full storage), and then
// the app works on without memory.

import { isPrivate } from "./protocol.js";

/** Even naming the storage may throw, so it is named in here. @typedef {"localStorage" | "sessionStorage"} Place */

/** @param {string} name @param {unknown} value @param {Place} [place] */
function put(name, value, place = "localStorage") {
  try {
    const storage = globalThis[place];
    if (value === null || value === "") storage.removeItem(`hubbub:${name}`);
    else storage.setItem(`hubbub:${name}`, JSON.stringify(value));
  } catch {
    // See above: forgetting is better than failing.
  }
}

/** @param {string} name @param {Place} [place] @returns {unknown} */
function get(name, place = "localStorage") {
  try {
    return JSON.parse(globalThis[place].getItem(`hubbub:${name}`) ?? "null");
  } catch {
    return null;
  }
}

/** For the parts that keep something of their own. @param {string} name @param {unknown} value */
export const remember = (name, value) => put(name, value);

/** @param {string} name @returns {any} anything that an older or newer build, or somebody else, left there */
export const recall = (name) => get(name);

/** @param {string} user @param {string[]} rooms */
export const rememberRooms = (user, rooms) => put(`rooms:${user}`, rooms);

/** @param {string} user */
export const recallRooms = (user) => getNames(`rooms:${user}`);

/** Rooms one was invited to and has not looked at. @param {string} user @param {string[]} rooms */
export const rememberInvited = (user, rooms) => put(`invited:${user}`, rooms.length > 0 ? rooms : null);

/** @param {string} user */
export const recallInvited = (user) => getNames(`invited:${user}`);

/** @param {string | null} key of the storage, where another tab wrote @param {string} user */
export const isInvitations = (key, user) => key === `hubbub:invited:${user}`;

/** @param {string} name @returns {string[]} */
function getNames(name) {
  const rooms = get(name);
  return Array.isArray(rooms) ? rooms.filter((room) => typeof room === "string") : [];
}

/** How far one has read. @type {import("./reads.js").Shelf} */
export const reads = { recall: (user) => get(`read:${user}`), keep: (user, positions) => put(`read:${user}`, positions) };

/** Drafts belong to the room alone: signing in again under another id must not lose one.
 * @param {string} room @param {string} text */
export const rememberDraft = (room, text) => put(`draft:${room}`, text);

/** On signing out, what was written, read and visited here is nobody else's business. */
export function forgetPerson() {
  const id = recallUser()?.id;
  rememberUser(null);
  for (const name of entries("draft:", "read:", `rooms:${id}`, `invited:${id}`, `unsent:${id}:`)) put(name.replace("hubbub:", ""), null);
}

/** Whether somebody else comes in that one's place. Who returns after their session has ended has the name, and another id.
 * @param {import("./protocol.js").User | null} before @param {import("./protocol.js").User} user */
export const isOther = (before, { id, name }) =>
  before !== null && before.id !== id && before.name.toLowerCase() !== name.toLowerCase();

/** The public rooms of a session that has ended; nobody gets back into the other ones. @param {string} before its id */
export function takeOverRooms(before) {
  const rooms = recallRooms(before).filter((room) => !isPrivate(room));
  for (const name of [`rooms:${before}`, `invited:${before}`]) put(name, null);
  return rooms;
}

/** Whether signing out would take along what was written in some tab and not sent. */
export const keepsUnsent = () => entries("draft:", `unsent:${recallUser()?.id}:`).length > 0;

/** Whether an entry of the storage that another tab changed says that they signed out there.
 * @param {StorageEvent} event */
export const isSigningOut = ({ key, newValue }) => key === "hubbub:user" && newValue === null;

/** The entries of the storage that begin so. @param {string[]} begins */
function entries(...begins) {
  try {
    return Object.keys(localStorage).filter((name) => begins.some((begin) => name.startsWith(`hubbub:${begin}`)));
  } catch {
    return [];
  }
}

/** @param {string} room */
export const recallDraft = (room) => String(get(`draft:${room}`) ?? "");

/** Whether an entry of the storage holds this draft of this room.
 * @param {string | null} key @param {string | null} value @param {string} room @param {string} text */
export const isDraft = (key, value, room, text) => key === `hubbub:draft:${room}` && value === JSON.stringify(text);

/** @param {string} name */
export const rememberName = (name) => put("name", name);

export const recallName = () => String(get("name") ?? "");

/** Whether somebody is signed in here, so that the server is not asked in vain. The cookie itself cannot be seen.
 * @param {boolean} on */
export const rememberSignedIn = (on) => put("signed-in", on);

/** False only where it is known: a missing note may also be a browser that keeps none, or a visit before there were
 * notes, of which the name is left. */
export function mayBeSignedIn() {
  const note = get("signed-in");
  if (typeof note === "boolean") return note;
  if (recallName() !== "") return true;
  rememberSignedIn(false);
  return get("signed-in") !== false;
}

/** Who was signed in here last, for opening the page without a network. @param {import("./protocol.js").User | null} user */
export const rememberUser = (user) => put("user", user);

/** @returns {import("./protocol.js").User | null} */
export function recallUser() {
  const user = /** @type {any} */ (get("user"));
  return typeof user?.id === "string" && typeof user.name === "string" ? { id: user.id, name: user.name } : null;
}

/** @param {boolean} shown */
export const rememberMembersShown = (shown) => put("members", shown);

export const recallMembersShown = () => get("members") !== false;

const BLOCKED_MS = 10 * 60_000;

/** Notes for this tab that WebSocket does not get through, so that a reload does not wait for it. @param {boolean} blocked */
export const rememberBlocked = (blocked) => put("blocked", blocked ? Date.now() : null, "sessionStorage");

export function recallBlocked() {
  const at = Number(get("blocked", "sessionStorage") ?? 0);
  return at > 0 && Date.now() - at < BLOCKED_MS;
}

/** A shelf for the unsent list that also exists where reading localStorage throws. @returns {import("./unsent.js").Shelf} */
export function openShelf() {
  try {
    return localStorage;
  } catch {
    const refuse = () => {
      throw new Error("no storage");
    };
    return { length: 0, key: refuse, getItem: refuse, setItem: refuse, removeItem: refuse };
  }
}
