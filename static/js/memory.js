// What the browser remembers for us between visits. Every access may fail (private windows, full storage), and then
// the app works on without memory.

import { isPosition } from "./position.js";
import { isPrivate } from "./protocol.js";

const MOST_IDS = 20;

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

/** @param {string} name @returns {string[]} */
function getNames(name) {
  const rooms = get(name);
  return Array.isArray(rooms) ? rooms.filter((room) => typeof room === "string") : [];
}

/** The latest ids that somebody had here under their name, which stays while each session brings another one.
 * @param {import("./protocol.js").User} user */
export function rememberId({ id, name }) {
  const place = `ids:${name.toLowerCase()}`;
  const former = getNames(place).filter((other) => other !== id).slice(0, MOST_IDS);
  put(place, [id, ...former]);
  return former;
}

/** How far one has read. @type {import("./reads.js").Shelf} */
export const reads = { recall: (user) => get(`read:${user}`), keep: (user, positions) => put(`read:${user}`, positions) };

/** Drafts belong to the room alone: signing in again under another id must not lose one.
 * @param {string} place a room, or a message that is being changed: its room, a space and its position
 * @param {string} text */
export const rememberDraft = (place, text) => put(`draft:${place}`, text);

/** On signing out, what was written, read and visited here is nobody else's business. */
export function forgetPerson() {
  const id = recallUser()?.id;
  rememberUser(null);
  for (const name of entries("draft:", "reply:", "read:", `rooms:${id}`, `unsent:${id}:`)) put(name.replace("hubbub:", ""), null);
}

/** Whether somebody else comes in that one's place. Who returns after their session has ended has the name, and another id.
 * @param {import("./protocol.js").User | null} before @param {import("./protocol.js").User} user */
export const isOther = (before, { id, name }) =>
  before !== null && before.id !== id && before.name.toLowerCase() !== name.toLowerCase();

/** The public rooms of a session that has ended; nobody gets back into the other ones. @param {string} before its id */
export function takeOverRooms(before) {
  const rooms = recallRooms(before).filter((room) => !isPrivate(room));
  put(`rooms:${before}`, null);
  return rooms;
}

/** Whether signing out would take along what was written in some tab and not sent. */
export const keepsUnsent = () => entries("draft:", `unsent:${recallUser()?.id}:`).length > 0;

/** Whether an entry of the storage that another tab changed says that they signed out there.
 * @param {StorageEvent} event */
export const isSigningOut = ({ key, newValue }) => key === "hubbub:user" && newValue === null;

/** The same of signing in. @param {StorageEvent} event */
export const isSigningIn = ({ key, newValue }) => key === "hubbub:user" && newValue !== null;

/** The entries of the storage that begin so. @param {string[]} begins */
function entries(...begins) {
  try {
    return Object.keys(localStorage).filter((name) => begins.some((begin) => name.startsWith(`hubbub:${begin}`)));
  } catch {
    return [];
  }
}

/** @param {string} place see rememberDraft */
export const recallDraft = (place) => String(get(`draft:${place}`) ?? "");

/** Nobody can change the messages of a session that has ended: what they should have become is to be sent anew. */
export function takeOverEdits() {
  for (const place of edits()) {
    const room = place.split(" ", 1)[0] ?? "";
    const draft = [recallDraft(room), recallDraft(place)].filter(Boolean).join("\n");
    rememberDraft(room, draft);
    // The storage may be full.
    if (recallDraft(room) === draft) rememberDraft(place, "");
  }
}

/** Forgets what messages of a room should have become. @param {string} room */
export function forgetEdits(room) {
  for (const place of edits()) if (place.startsWith(`${room} `)) rememberDraft(place, "");
}

/** The messages that are being changed. */
const edits = () => entries("draft:").map((name) => name.replace("hubbub:draft:", "")).filter((place) => place.includes(" "));

/** Whether an entry of the storage holds this draft of this room.
 * @param {string | null} key @param {string | null} value @param {string} room @param {string} text */
export const isDraft = (key, value, room, text) => key === `hubbub:draft:${room}` && value === JSON.stringify(text);

/** What the draft of a room answers. @param {string} room @param {string} position */
export const rememberReply = (room, position) => put(`reply:${room}`, position);

/** @param {string} room */
export function recallReply(room) {
  const position = get(`reply:${room}`);
  return isPosition(position) ? position : "";
}

/** Whether another tab took away that this room's draft answers this. @param {StorageEvent} event @param {string} room
 * @param {string} position */
export const isReply = ({ key, oldValue, newValue }, room, position) =>
  key === `hubbub:reply:${room}` && newValue === null && oldValue === JSON.stringify(position);

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
