// What the page can be told to do by its buttons and keys beside talking. The dialogs are fetched when they are first
// asked for, so that they cost the first load nothing.

import { button, element, hasDialog } from "./lib/dom.js";
import { commandOf, nextRoom } from "./shortcuts.js";
import { speakOfMore, strings } from "./strings.js";

/**
 * @typedef {{ store: import("./store.js").Store, preferences: import("./preferences.js").Preferences,
 *   open: (room: string) => void, leave: (room: string) => void, latest: () => void, write: () => void,
 *   notice: (text: string) => void, isRunning: () => boolean,
 *   talk: { direct: (user: import("./protocol.js").User) => void, mention: (user: import("./protocol.js").User) => void } }} Parts
 */

/** @param {Parts} parts */
export function offerCommands(parts) {
  const { store, preferences, open, leave } = parts;
  const load = async (/** @type {() => Promise<void>} */ show) => {
    // A page whose build is no longer served cannot fetch what it lacks.
    await speakOfMore().then(show).catch(() => parts.notice(strings["notLoaded"]));
  };

  const showSwitcher = async () => (await import("./views/switcher.js")).showSwitcher(() => choices(store), open);
  const showKeys = async () => (await import("./views/keys_help.js")).showKeys();
  const showSettings = async () => (await import("./views/settings.js")).showSettings(preferences, () => void load(showKeys));
  const showRoom = async () => {
    const room = store.open;
    if (room) (await import("./views/room_options.js")).showRoomOptions(room, preferences, () => leave(room.name));
  };
  /** @param {import("./protocol.js").User} user */
  const showPerson = async (user) => {
    if (user.id === store.me?.id) return;
    (await import("./views/person.js")).showPerson(user, store.open?.members.has(user.id) ?? false, preferences, parts.talk);
  };

  button("room-options").addEventListener("click", () => void load(showRoom));
  button("settings-open").addEventListener("click", () => void load(showSettings));
  for (const list of ["member-list", "away-list"]) {
    element(list).addEventListener("click", (event) => {
      const user = personOf(event.target, ".member", ".name");
      if (user) void load(() => showPerson(user));
    });
  }
  element("messages").addEventListener("click", (event) => {
    const user = personOf(event.target, ".author, .avatar", ".author");
    if (user) void load(() => showPerson(user));
  });

  /** @param {number} step @param {boolean} unread */
  const move = (step, unread) => {
    const listed = [...document.querySelectorAll("#sidebar [data-room]")].map((node) => node.getAttribute("data-room") ?? "");
    const rooms = listed.filter((name) => store.rooms.has(name));
    const isUnread = (/** @type {string} */ name) => (store.rooms.get(name)?.unread ?? 0) > 0 && preferences.levelOf(name) !== "none";
    const room = nextRoom(rooms, store.current, step, unread ? isUnread : undefined);
    if (room !== null) open(room);
  };

  /** @type {Record<import("./shortcuts.js").Command, () => void>} */
  const commands = {
    switcher: () => void load(showSwitcher),
    help: () => void load(showKeys),
    latest: () => parts.latest(),
    next: () => move(1, false),
    previous: () => move(-1, false),
    nextUnread: () => move(1, true),
    previousUnread: () => move(-1, true),
    write: () => parts.write(),
  };
  document.addEventListener("keydown", (event) => {
    const { target } = event;
    const inField = target instanceof HTMLElement && target.matches("input, textarea, select");
    const command = commandOf(event, inField, target === document.body);
    if (command === null || event.defaultPrevented || !parts.isRunning()) return;
    // An open dialog has its own Escape and nothing behind it moves; only another dialog may take its place.
    if (hasDialog() && command !== "switcher" && command !== "help") return;
    if (command === "latest" && (inField ? target.id !== "composer-text" : document.body.classList.contains("drawer-open"))) return;
    if (command !== "write") event.preventDefault();
    commands[command]();
  });
}

/** @param {import("./store.js").Store} store @returns {import("./views/switcher.js").Choice[]} */
function choices({ rooms, directory }) {
  const joined = [...rooms.values()].map(({ name, title, unread, mentions }) => ({ name, title, unread, mentions, joined: true }));
  const others = directory
    .filter(({ name }) => !rooms.has(name))
    .map(({ name, title }) => ({ name, title: title || name, unread: 0, mentions: 0, joined: false }));
  return [...joined, ...others];
}

/** Whom a click is about. @param {EventTarget | null} target @param {string} place @param {string} name */
function personOf(target, place, name) {
  if (!(target instanceof Element) || !target.closest(place)) return null;
  const row = target.closest("li");
  const id = row?.dataset["user"] ?? "";
  return id === "" ? null : { id, name: row?.querySelector(name)?.textContent ?? "" };
}
