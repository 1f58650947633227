// What the browser remembers for us between visits. Every access may fail (private windows, full storage), and then
// the app works on without memory.

/** @param {string} name @param {unknown} value @param {Storage} [storage] */
function put(name, value, storage = localStorage) {
  try {
    if (value === null || value === "") storage.removeItem(`hubbub:${name}`);
    else storage.setItem(`hubbub:${name}`, JSON.stringify(value));
  } catch {
    // See above: forgetting is better than failing.
  }
}

/** @param {string} name @param {Storage} [storage] @returns {unknown} */
function get(name, storage = localStorage) {
  try {
    return JSON.parse(storage.getItem(`hubbub:${name}`) ?? "null");
  } catch {
    return null;
  }
}

/** @param {string} user @param {string[]} rooms */
export const rememberRooms = (user, rooms) => put(`rooms:${user}`, rooms);

/** @param {string} user @returns {string[]} */
export function recallRooms(user) {
  const rooms = get(`rooms:${user}`);
  return Array.isArray(rooms) ? rooms.filter((room) => typeof room === "string") : [];
}

/** Drafts belong to the room alone: signing in again under another id must not lose one.
 * @param {string} room @param {string} text */
export const rememberDraft = (room, text) => put(`draft:${room}`, text);

/** On signing out, what was half written is nobody else's business. */
export function forgetDrafts() {
  try {
    for (const name of Object.keys(localStorage)) if (name.startsWith("hubbub:draft:")) localStorage.removeItem(name);
  } catch {
    // Then there are none.
  }
}

/** @param {string} room */
export const recallDraft = (room) => String(get(`draft:${room}`) ?? "");

/** @param {string} name */
export const rememberName = (name) => put("name", name);

export const recallName = () => String(get("name") ?? "");

/** @param {boolean} shown */
export const rememberMembersShown = (shown) => put("members", shown);

export const recallMembersShown = () => get("members") !== false;

const BLOCKED_MS = 10 * 60_000;

/** Notes for this tab that WebSocket does not get through, so that a reload does not wait for it. @param {boolean} blocked */
export const rememberBlocked = (blocked) => put("blocked", blocked ? Date.now() : null, sessionStorage);

export function recallBlocked() {
  const at = Number(get("blocked", sessionStorage) ?? 0);
  return at > 0 && Date.now() - at < BLOCKED_MS;
}

/** A shelf for the unsent list that also exists where reading localStorage throws. @returns {import("./unsent.js").Shelf} */
export function openShelf() {
  try {
    return localStorage;
  } catch {
    return { length: 0, key: () => null, getItem: () => null, setItem: () => {}, removeItem: () => {} };
  }
}
