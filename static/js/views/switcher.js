// The quick switcher: type a few letters of a room's name, press Enter, and be there.

import { build } from "../lib/build.js";
import { locale } from "../language.js";
import { isPrivate, toRoomName } from "../protocol.js";
import { strings } from "../strings.js";
import { closeDialogs, show } from "./dialog.js";

/**
 * @typedef {{ name: string, title: string, unread: number, mentions: number, joined: boolean, create?: boolean }} Choice
 */

/** More than this is a list to read and not one to pick from. */
const MOST = 12;

/**
 * The rooms a query may mean, best first. Without one: what is new, then our rooms, then the others.
 * @param {Choice[]} rooms @param {string} query @returns {Choice[]}
 */
export function findRooms(rooms, query) {
  const wanted = query.trim().toLowerCase().replace(/^#/, "");
  const ranked = rooms
    .map((room) => ({ room, rank: wanted === "" ? 0 : Math.min(rankOf(room.title, wanted), rankOf(room.name, wanted)) }))
    .filter(({ rank }) => rank < 9);
  ranked.sort((a, b) => a.rank - b.rank || Number(b.room.mentions > 0) - Number(a.room.mentions > 0)
    || Number(b.room.unread > 0) - Number(a.room.unread > 0) || Number(b.room.joined) - Number(a.room.joined)
    || a.room.title.localeCompare(b.room.title, locale));
  const found = ranked.slice(0, MOST).map(({ room }) => room);
  const name = toRoomName(query);
  const known = rooms.some((room) => room.name === name);
  if (name === "" || known) return found;
  return [...found, { name, title: name, unread: 0, mentions: 0, joined: false, create: true }];
}

/** How well a name fits: 0 the name itself, 9 not at all. @param {string} name @param {string} wanted */
function rankOf(name, wanted) {
  const text = name.toLowerCase();
  if (text === wanted) return 0;
  if (text.startsWith(wanted)) return 1;
  if (text.split(/[\s_-]+/u).some((word) => word.startsWith(wanted))) return 2;
  if (text.includes(wanted)) return 3;
  return isSpread(text, wanted) ? 4 : 9;
}

/** All letters are there, in this order: "bc" is in "book-club". @param {string} text @param {string} wanted */
function isSpread(text, wanted) {
  let from = 0;
  for (const letter of wanted) {
    from = text.indexOf(letter, from) + 1;
    if (from === 0) return false;
  }
  return true;
}

/** @param {() => Choice[]} rooms @param {(room: string) => void} open */
export function showSwitcher(rooms, open) {
  closeDialogs();
  const list = build("ul", { class: "switcher-list", id: "switcher-list", role: "listbox", "aria-label": strings["rooms.label"] });
  const field = build("input", {
    class: "field", type: "text", role: "combobox", autocomplete: "off", autocapitalize: "none", spellcheck: "false",
    placeholder: strings["switcher.hint"], "aria-label": strings["switcher.label"], "aria-expanded": "true",
    "aria-controls": "switcher-list", "aria-autocomplete": "list", dir: "auto", input: () => draw(0), keydown: onKey,
  });
  const dialog = build("dialog", { class: "dialog switcher", "aria-label": strings["switcher.label"] }, field, list);
  /** @type {Choice[]} */
  let found = [];
  let picked = 0;

  /** @param {number} index */
  function draw(index) {
    found = findRooms(rooms(), field.value);
    picked = Math.max(0, Math.min(index, found.length - 1));
    list.replaceChildren(...found.map((room, at) => line(room, at, at === picked, () => go(room))));
    if (found.length === 0) list.append(build("li", { class: "muted", role: "option", "aria-disabled": "true" }, strings["switcher.none"]));
    field.setAttribute("aria-activedescendant", found.length > 0 ? `switcher-${picked}` : "");
    list.children[picked]?.scrollIntoView({ block: "nearest" });
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    if (event.isComposing || event.keyCode === 229) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && found.length > 0) {
      event.preventDefault();
      draw((picked + step + found.length) % found.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      const room = found[picked];
      if (room) go(room);
    }
  }

  /** @param {Choice} room */
  function go(room) {
    dialog.close();
    open(room.name);
  }

  show(dialog);
  field.focus();
  draw(0);
}

/** @param {Choice} room @param {number} at @param {boolean} isPicked @param {() => void} go */
function line(room, at, isPicked, go) {
  const news = room.unread === 0 ? "" : `${room.mentions > 0 ? "@ " : ""}${room.unread}`;
  return build(
    "li",
    { id: `switcher-${at}`, role: "option", "aria-selected": String(isPicked), class: "switcher-line", click: go },
    build("span", { class: "hash", "aria-hidden": "true" }, room.create ? "+" : isPrivate(room.name) ? "" : "#"),
    build("span", { class: "name", dir: "auto" }, room.create ? strings["switcher.join"](room.title) : room.title),
    build("span", { class: news === "" ? "" : "badge" }, news),
  );
}
