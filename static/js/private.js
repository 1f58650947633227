// Rooms for those who were invited, and rooms of two people: how the page learns of them, who they belong to and what
// they are called.

import { isDirect, isPrivate } from "./protocol.js";
import { comparePositions } from "./position.js";
import { strings } from "./strings.js";
import { moveRead, recount } from "./unread.js";

/**
 * @typedef {import("./store.js").Store} Store
 * @typedef {import("./room.js").Room} Room
 * @typedef {import("./protocol.js").User} User
 */

/** How many rooms one is in at most, until the server has told. */
const ROOMS = 50;

/**
 * What is known of a room. A direct one is called by the name of the other person.
 * @param {Room} room @param {{ title?: string | undefined, people?: User[] | undefined }} news @param {User | null} me
 */
export function describe(room, { title, people }, me) {
  if (people) room.people = people;
  const other = isDirect(room.name) ? otherOf(room, me) : undefined;
  room.title = other?.name ?? (title || room.title);
}

/** Whom a direct room is with. Somebody who left it for good is known by what they said.
 * @param {Room} room @param {User | null} me @returns {User | undefined} */
export function otherOf(room, me) {
  const other = room.people.find(({ id }) => id !== me?.id);
  if (other) return other;
  const entry = room.entries.findLast((each) => each.kind === "message" && each.from.id !== me?.id);
  return entry?.kind === "message" ? entry.from : undefined;
}

/** Before we become somebody else: whoever signs in anew has another id, and would take who they were for the other one.
 * @param {Store} store */
export function keepOthers({ rooms, me }) {
  for (const room of rooms.values()) {
    const other = me && isDirect(room.name) && otherOf(room, me);
    if (other) room.people = [other];
  }
}

/** So many rooms one may be in. @param {Store} store */
export const mostRooms = (store) => store.limits?.rooms ?? ROOMS;

/** Whether one is among the people of any private or direct room, as far as the page knows. @param {Store} store */
export function hasPrivateRooms({ rooms, directory, forgotten }) {
  return [...rooms.values()].some(({ name, closed }) => isPrivate(name) && !closed)
    || directory.some(({ name, private: isOurs }) => isOurs && !forgotten.has(name) && !rooms.has(name));
}

/** Whether one may be in one more room. Those that shut us out do not count. @param {Store} store */
function hasPlace(store) {
  return [...store.rooms.values()].filter((room) => !room.closed).length < mostRooms(store);
}

/** We are one of the people of a room now: by our own wish, or because somebody invited us. What others make takes no
 * place that is not there: the list of rooms shows it all the same.
 * @param {Store} store @param {string} name @param {{ title?: string, people?: User[] }} news @param {boolean} isOwn */
function belong(store, name, news, isOwn) {
  store.forgotten.delete(name);
  // Whoever listens joins it, and then it is there to be described.
  if (store.rooms.get(name)?.closed !== false && (isOwn || hasPlace(store))) store.tell("added", name);
  const room = store.rooms.get(name);
  if (!room) return;
  room.uncalled ||= isOwn;
  describe(room, news, store.me);
  store.tell("room", name);
  store.tell("rooms");
}

/** @param {Store} store @param {import("./protocol.js").CreatedFrame} frame */
export function applyCreated(store, frame) {
  const people = [store.me, frame.with].filter((user) => user !== null && user !== undefined);
  belong(store, frame.room, frame.with ? { people } : { title: frame.title }, true);
}

/** @param {Store} store @param {import("./protocol.js").RoomAddedFrame} frame */
export function applyRoomAdded(store, frame) {
  const { by, title, direct, room } = frame;
  const isNews = store.rooms.get(room)?.closed !== false && store.current !== room && by.id !== store.me?.id;
  // Our own other page may have made it; then `joined` will say who the other one is.
  const people = direct && store.me && by.id !== store.me.id ? [by, store.me] : undefined;
  belong(store, room, { title, people }, by.id === store.me?.id);
  const added = store.rooms.get(room);
  if (added && store.isMuted(by)) added.uncalled = true;
  if (!isNews || !added || store.isMuted(by)) return;
  // What somebody said to us alone speaks for itself.
  added.unheard = direct;
  if (direct) return;
  added.invited = true;
  recount(added, store);
  store.tell("room", room);
  store.tell("rooms");
  const text = strings["people.youAreIn"](by.name, added.title);
  store.tell("notice", text);
  store.tell("invited", { room, by, text });
}

/** We left a room for good, here or on another page of ours.
 * @param {Store} store @param {import("./protocol.js").ForgottenFrame} frame */
export function applyForgotten(store, frame) {
  // A list of rooms that is on its way may still name it.
  store.forgotten.add(frame.room);
  store.tell("forgotten", frame.room);
}

/**
 * Somebody was invited: told to whoever did it, and to everybody by the room's log.
 * @param {Store} store @param {import("./protocol.js").InvitedFrame} frame
 */
export function applyInvited(store, { room: name, user, by, position, at = 0 }) {
  const room = store.rooms.get(name);
  if (!room) return;
  if (position !== undefined && by && !remark(room, { kind: "invited", position, at, by, user })) return;
  if (!room.people.some(({ id }) => id === user.id)) room.people = [...room.people, user];
  // Who invites has read what stands above, as who writes has.
  if (position !== undefined && by?.id === store.me?.id && moveRead(room, position, store)) store.tell("read", name);
  store.tell("room", room.name);
}

/** Somebody left for good. In the room of two people its other half stays who it is.
 * @param {Store} store @param {import("./protocol.js").DepartedFrame} frame */
export function applyDeparted(store, { room: name, user, position, at }) {
  const room = store.rooms.get(name);
  if (!room || !remark(room, { kind: "departed", position, at, user })) return;
  if (!isDirect(name)) room.people = room.people.filter(({ id }) => id !== user.id);
  store.tell("room", room.name);
}

/** An entry of the log that is shown as a remark; false if it was there already. @param {Room} room
 * @param {import("./room.js").InvitedEntry | import("./room.js").DepartedEntry} entry */
function remark(room, entry) {
  if (room.position !== null && comparePositions(entry.position, room.position) <= 0) return false;
  room.insert(entry);
  room.advance(entry.position);
  return true;
}

/** The list of rooms brings our own ones first; those made elsewhere are joined from here too.
 * @param {Store} store */
export function adoptDirectory(store) {
  for (const { name, title, people, private: isOurs } of store.directory) {
    if (!isOurs || store.forgotten.has(name)) continue;
    if (!store.rooms.has(name) && hasPlace(store)) store.tell("added", name);
    const room = store.rooms.get(name);
    if (!room) continue;
    describe(room, { title, people }, store.me);
    store.tell("room", name);
  }
}
