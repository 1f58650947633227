// The list of rooms: the ones we are in with what is new in them, the other ones with how many are there, and the
// field to join or create one. On a narrow screen it is a drawer.

import { button, element, fromTemplate, handOn, hasDialog, input, paintAvatar, part, reconcile, setText } from "../lib/dom.js";
import { locale } from "../language.js";
import { perFrame } from "../lib/timing.js";
import { otherOf } from "../private.js";
import { isDirect, isPrivate, toRoomName } from "../protocol.js";
import { lookUp, strings } from "../strings.js";
import { isAtLeast } from "../unread.js";

/**
 * @typedef {{ name: string, title: string, count: number, unread: number, mentions: number, more: boolean, quiet: boolean,
 *   current: boolean, joined: boolean, why: string, other?: import("../protocol.js").User | undefined }} RoomItem
 *   `more`: there are more unread than counted; `quiet`: it shall not call; `why` we are not in a room that we were or
 *   wanted to be in; `other` is whom a direct room is with
 * @typedef {{ open: (room: string) => void, leave: (room: string) => void, isQuiet: (room: string) => boolean }} Actions
 */

export class RoomsView {
  #store;
  #actions;
  #joined = element("joined-rooms");
  #others = element("other-rooms");
  #directory = element("directory");
  #dot = element("drawer-dot");
  /** By the section they are in. @type {Map<string, Map<string, HTMLElement>>} */ #ownNodes = new Map();
  /** @type {Map<string, HTMLElement>} */ #otherNodes = new Map();

  /** @param {import("../store.js").Store} store @param {Actions} actions */
  constructor(store, actions) {
    this.#store = store;
    this.#actions = actions;
    store.addEventListener("rooms", perFrame(() => this.#render()));
    this.#listenToForm();
    this.#listenToList();
    listenToDrawer();
  }

  #render() {
    const { rooms, directory, current, me } = this.#store;
    const counts = new Map(directory.map((room) => [room.name, room]));
    const joined = [...rooms.values()].map((room) => ({
      name: room.name,
      title: room.title,
      count: room.joined ? room.count : (counts.get(room.name)?.count ?? room.count),
      unread: room.unread,
      mentions: room.mentions,
      more: isAtLeast(room),
      quiet: this.#actions.isQuiet(room.name),
      current: room.name === current,
      joined: true,
      why: room.why,
      other: isDirect(room.name) ? otherOf(room, me) : undefined,
    }));
    const others = directory
      .filter((room) => !rooms.has(room.name) && !isPrivate(room.name))
      .map((room) => ({
        ...room, title: room.title || room.name, unread: 0, mentions: 0, more: false, quiet: false, current: false, joined: false, why: "",
      }));
    const how = { key: (/** @type {RoomItem} */ room) => room.name, create: () => fromTemplate("room-row"), update: paintRow };
    joined.sort(byName);
    const kinds = { public: this.#joined, private: element("private-rooms"), direct: element("direct-rooms") };
    for (const [kind, list] of Object.entries(kinds)) {
      const nodes = this.#ownNodes.get(kind) ?? new Map();
      this.#ownNodes.set(kind, nodes);
      reconcile(list, nodes, joined.filter(({ name }) => kindOf(name) === kind), how);
    }
    element("direct").hidden = !joined.some(({ name }) => kindOf(name) === "direct");
    reconcile(this.#others, this.#otherNodes, others.sort(byCount), how);
    this.#directory.hidden = others.length === 0;
    this.#dot.hidden = !joined.some((room) => room.unread > 0 && !room.current && !room.quiet);
  }

  #listenToForm() {
    const field = input("join-name");
    const error = element("join-error");
    element("join-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const name = toRoomName(field.value);
      setText(error, name === "" ? strings["rooms.badName"] : "");
      if (name === "") return field.focus();
      field.value = "";
      this.#actions.open(name);
    });
    field.addEventListener("input", () => setText(error, ""));
  }

  #listenToList() {
    element("sidebar").addEventListener("click", (event) => {
      const target = event.target instanceof Element ? event.target : null;
      const name = target?.closest("li")?.dataset["room"];
      if (!target || name === undefined) return;
      const leave = target.closest("button");
      if (leave) {
        const row = leave.closest("li");
        handOn(leave, (row?.nextElementSibling ?? row?.previousElementSibling)?.querySelector("a") ?? input("join-name"));
        this.#actions.leave(name);
      } else if (target.closest("a") && event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey) {
        event.preventDefault();
        this.#actions.open(name);
      }
    });
  }
}

/** @param {HTMLElement} node @param {RoomItem} room */
function paintRow(node, room) {
  node.dataset["room"] = room.name;
  const link = part(node, "a");
  link.setAttribute("href", `/r/${room.name}`);
  if (room.current) link.setAttribute("aria-current", "page");
  else link.removeAttribute("aria-current");
  node.dataset["kind"] = kindOf(room.name);
  if (isDirect(room.name)) paintAvatar(part(node, ".avatar"), room.other ?? { id: room.name, name: room.title });
  const name = part(node, ".name");
  setText(name, name.title = room.title);
  const badge = part(node, ".badge");
  badge.hidden = room.unread === 0;
  setText(badge, badgeText(room));
  badge.title = strings[room.mentions > 0 ? "rooms.mentioned" : "rooms.unread"](room.unread);
  badge.classList.toggle("calls", room.mentions > 0 && !room.quiet);
  node.classList.toggle("unread", room.unread > 0 && !room.quiet);
  node.classList.toggle("shut", room.why !== "");
  const count = part(node, ".count");
  // Whether there is a private room of which one knows no more than its address, nobody says.
  const why = isPrivate(room.name) && room.why === "no_such_room" ? "other" : room.why;
  setText(count, why !== "" ? lookUp(`rooms.why.${why}`, "rooms.why.other") : countOf(room));
  count.title = room.why === "" ? strings["rooms.here"](room.count) : "";
  // The marks above mean nothing to whoever does not see them.
  const here = count.title === "" || isDirect(room.name) || room.count === 0 ? "" : count.title;
  const words = [badge.hidden ? "" : badge.title, room.why === "" ? here : (count.textContent ?? "")];
  setText(part(link, ".visually-hidden"), words.filter((text) => text !== "").join(", "));
  const leave = part(node, "button");
  // A private room is left for good, and that is done in its list of people.
  leave.hidden = !room.joined || (isPrivate(room.name) && room.why === "");
  leave.setAttribute("aria-label", strings["rooms.leave"](room.title));
}

/** @param {string} name @returns {"public" | "private" | "direct"} */
function kindOf(name) {
  return isDirect(name) ? "direct" : isPrivate(name) ? "private" : "public";
}

/** @param {RoomItem} room */
function badgeText({ unread, mentions, more }) {
  const count = unread > 99 ? "99+" : `${unread}${more ? "+" : ""}`;
  return mentions > 0 ? `@ ${count}` : count;
}

/** @param {RoomItem} room */
function countOf({ count }) {
  return count > 0 ? count.toLocaleString(locale) : "";
}

/** The lobby is everybody's first room, so it stays on top; rooms that shut us out come last. @param {RoomItem} a
 * @param {RoomItem} b */
function byName(a, b) {
  const shut = Number(a.why !== "") - Number(b.why !== "");
  return shut || Number(b.name === "lobby") - Number(a.name === "lobby") || a.title.localeCompare(b.title, locale);
}

/** @param {RoomItem} a @param {RoomItem} b */
function byCount(a, b) {
  return b.count - a.count || a.title.localeCompare(b.title, locale);
}

/** Opens and closes the drawer; while it is open the conversation behind it takes no focus. */
function listenToDrawer() {
  const opener = button("drawer-open");
  const shade = element("shade");
  opener.addEventListener("click", () => {
    document.body.classList.add("drawer-open");
    shade.hidden = false;
    element("conversation").inert = true;
    opener.setAttribute("aria-expanded", "true");
    button("drawer-close").focus();
  });
  button("drawer-close").addEventListener("click", () => closeDrawer(true));
  shade.addEventListener("click", () => closeDrawer(true));
  // A phone that is turned may be wide enough to have no drawer, and then nothing could close it.
  matchMedia("(max-width: 760px)").addEventListener("change", () => closeDrawer(false));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !hasDialog()) closeDrawer(true);
  });
}

/** @param {boolean} refocus give the focus back to the button that opened it */
export function closeDrawer(refocus) {
  if (!document.body.classList.contains("drawer-open")) return;
  document.body.classList.remove("drawer-open");
  element("shade").hidden = true;
  element("conversation").inert = false;
  const opener = button("drawer-open");
  opener.setAttribute("aria-expanded", "false");
  if (refocus) opener.focus();
}
