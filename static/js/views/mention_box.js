// Offers people while one types an @ in the composer: arrows choose, Enter or Tab takes, Escape closes. The cursor stays
// in the text, and the choice is told to screen readers as its active descendant.

import { byId, element, paintAvatar } from "../lib/dom.js";
import { matchPeople, mentionAt } from "../lib/mentions.js";

const MOST = 8;
/** How many of the last messages are looked at for people who are not here now. */
const RECENT = 200;

/** @typedef {import("../protocol.js").User} User */

export class MentionBox {
  #store;
  #field = byId("composer-text", HTMLTextAreaElement);
  #list = element("mention-list");
  /** @type {User[]} */ #people = [];
  #active = 0;
  /** Where the mention begins that was called off. */ #refused = -1;

  /** @param {import("../store.js").Store} store */
  constructor(store) {
    this.#store = store;
    const field = this.#field;
    field.addEventListener("input", () => {
      // One that begins anew was not called off: in the next message it may stand at the same place.
      if (mentionAt(field.value, field.selectionStart)?.typed === "") this.#refused = -1;
      this.#offer();
    });
    field.addEventListener("click", () => this.#offer());
    field.addEventListener("keyup", (event) => {
      if (event.key.startsWith("Arrow") || event.key === "Home" || event.key === "End") this.#moved(event.key);
    });
    field.addEventListener("blur", () => this.#close());
    // Before the composer, to which Enter means sending.
    field.addEventListener("keydown", (event) => this.#onKey(event), { capture: true });
    this.#list.addEventListener("pointerdown", (event) => {
      const option = event.target instanceof Element ? event.target.closest("li") : null;
      // Otherwise the field would lose the focus first, and the list would be gone.
      event.preventDefault();
      if (option) this.#take([...this.#list.children].indexOf(option));
    });
  }

  get #isOpen() {
    return !this.#list.hidden;
  }

  /** @param {string} key */
  #moved(key) {
    const vertical = key === "ArrowUp" || key === "ArrowDown";
    if (!(vertical && this.#isOpen)) this.#offer();
  }

  #offer() {
    const { value, selectionStart, selectionEnd } = this.#field;
    const found = selectionStart === selectionEnd ? mentionAt(value, selectionStart) : null;
    if (!found) this.#refused = -1;
    if (!found || found.at === this.#refused) return this.#close();
    this.#people = matchPeople(this.#candidates(), found.typed, MOST);
    // A finished name needs no list.
    const done = this.#people.length === 1 && this.#people[0]?.name.toLowerCase() === found.typed.toLowerCase();
    if (this.#people.length === 0 || done) return this.#close();
    this.#active = 0;
    this.#list.replaceChildren(...this.#people.map(toOption));
    this.#list.hidden = false;
    this.#field.setAttribute("aria-controls", this.#list.id);
    this.#mark();
  }

  /** Who is here, whose room it is, and who spoke lately; but not oneself. */
  #candidates() {
    const { open, me } = this.#store;
    /** @type {Map<string, string>} */
    const found = new Map(open?.members ?? []);
    for (const { id, name } of open?.people ?? []) found.set(id, name);
    for (const entry of open?.entries.slice(-RECENT) ?? []) {
      if (entry.kind === "message" && !found.has(entry.from.id)) found.set(entry.from.id, entry.from.name);
    }
    if (me) found.delete(me.id);
    return [...found].map(([id, name]) => ({ id, name }));
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (!this.#isOpen || event.isComposing || event.keyCode === 229) return;
    const count = this.#people.length;
    if (event.key === "ArrowDown") this.#active = (this.#active + 1) % count;
    else if (event.key === "ArrowUp") this.#active = (this.#active + count - 1) % count;
    else if ((event.key === "Enter" || event.key === "Tab") && !event.shiftKey) this.#take(this.#active);
    else if (event.key === "Escape") this.#refuse();
    else return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (this.#isOpen) this.#mark();
  }

  #refuse() {
    this.#refused = mentionAt(this.#field.value, this.#field.selectionStart)?.at ?? -1;
    this.#close();
  }

  /** @param {number} index */
  #take(index) {
    const person = this.#people[index];
    const { value, selectionStart } = this.#field;
    const found = mentionAt(value, selectionStart);
    this.#close();
    if (!person || !found) return;
    const after = value.slice(selectionStart);
    this.#field.setRangeText(`@${person.name}${after.startsWith(" ") ? "" : " "}`, found.at, selectionStart, "end");
    this.#refused = found.at;
    // The composer measures, counts and keeps its text on this.
    this.#field.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }

  #mark() {
    for (const [index, option] of [...this.#list.children].entries()) {
      option.setAttribute("aria-selected", String(index === this.#active));
      if (index !== this.#active) continue;
      this.#field.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    }
  }

  #close() {
    if (!this.#isOpen) return;
    this.#list.hidden = true;
    this.#field.removeAttribute("aria-activedescendant");
    this.#field.removeAttribute("aria-controls");
  }
}

/** @param {User} person @param {number} index */
function toOption(person, index) {
  const option = document.createElement("li");
  option.id = `mention-${index}`;
  option.setAttribute("role", "option");
  const avatar = document.createElement("span");
  avatar.className = "avatar small";
  avatar.setAttribute("aria-hidden", "true");
  paintAvatar(avatar, person);
  const name = document.createElement("span");
  name.className = "name";
  name.dir = "auto";
  name.textContent = person.name;
  option.append(avatar, name);
  return option;
}

/** Puts a mention at the cursor of the composer. @param {User} user */
export function mentionInComposer(user) {
  const field = byId("composer-text", HTMLTextAreaElement);
  const before = field.value.slice(0, field.selectionStart);
  const gap = before === "" || /\s$/u.test(before) ? "" : " ";
  field.setRangeText(`${gap}@${user.name} `, field.selectionStart, field.selectionEnd, "end");
  field.dispatchEvent(new InputEvent("input", { bubbles: true }));
  field.focus({ preventScroll: true });
}
