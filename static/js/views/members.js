// Who is here: the count in the header, and the list beside the conversation.

import { button, element, fromTemplate, hasDialog, paintAvatar, part, reconcile, setText } from "../lib/dom.js";
import { locale } from "../language.js";
import { perFrame } from "../lib/timing.js";
import { recallMembersShown, rememberMembersShown } from "../memory.js";
import { MEMBERS_SHOWN } from "../protocol.js";
import { strings } from "../strings.js";

/** @typedef {import("../protocol.js").User} User */

/** There is room for the list beside the conversation. */
const WIDE = matchMedia("(min-width: 1000px)");

export class MembersView {
  #store;
  #panel = element("members");
  #list = element("member-list");
  #more = element("members-more");
  #toggle = button("members-toggle");
  #count = element("members-count");
  /** @type {Map<string, HTMLElement>} */ #nodes = new Map();

  /** @param {import("../store.js").Store} store */
  constructor(store) {
    this.#store = store;
    const render = perFrame(() => this.#render());
    store.addEventListener("rooms", render);
    store.addEventListener("room", render);
    this.#toggle.addEventListener("click", () => this.#show(Boolean(this.#panel.hidden), true));
    button("members-close").addEventListener("click", () => {
      this.#show(false, true);
      this.#toggle.focus();
    });
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || this.#panel.hidden || isWide() || hasDialog()) return;
      this.#show(false, false);
      this.#toggle.focus();
    });
    // On a narrow screen the list covers the conversation, so it only opens when asked for.
    const show = () => this.#show(isWide() && recallMembersShown(), false);
    WIDE.addEventListener("change", show);
    show();
  }

  /** @param {boolean} shown @param {boolean} remember */
  #show(shown, remember) {
    this.#panel.hidden = !shown;
    this.#toggle.setAttribute("aria-expanded", String(shown));
    if (remember && isWide()) rememberMembersShown(shown);
    this.#render();
  }

  #render() {
    const room = this.#store.open;
    const count = room?.count ?? 0;
    this.#toggle.hidden = count === 0;
    setText(this.#count, count.toLocaleString(locale));
    this.#toggle.title = strings["rooms.here"](count);
    if (this.#panel.hidden) return;
    const me = this.#store.me?.id;
    const people = [...(room?.members ?? [])].map(([id, name]) => ({ id, name }));
    people.sort((a, b) => Number(b.id === me) - Number(a.id === me) || a.name.localeCompare(b.name, locale));
    const shown = people.slice(0, MEMBERS_SHOWN);
    reconcile(this.#list, this.#nodes, shown, {
      key: (user) => user.id,
      create: () => fromTemplate("member-row"),
      update: (node, user) => paint(node, user, user.id === me),
    });
    const hidden = Math.max(count, people.length) - shown.length;
    setText(this.#more, people.length > 0 && hidden > 0 ? strings["members.more"](hidden) : "");
  }
}

/** @param {HTMLElement} node @param {User} user @param {boolean} isMe */
function paint(node, user, isMe) {
  paintPerson(node, user);
  if (isMe) node.dataset["user"] = "";
  part(node, "button").toggleAttribute("disabled", isMe);
  setText(part(node, ".you"), isMe ? strings["you"] : "");
}

/** @param {HTMLElement} node @param {User} user */
export function paintPerson(node, user) {
  node.dataset["user"] = user.id;
  paintAvatar(part(node, ".avatar"), user);
  setText(part(node, ".name"), user.name);
}

function isWide() {
  return WIDE.matches;
}
