// Changes a message where it stands. What one has typed is kept until it is saved or given up, also when the row goes
// out of sight or the page is loaded anew.

import { fromTemplate, grow, part, setText } from "../lib/dom.js";
import { recallDraft, rememberDraft } from "../memory.js";
import { strings } from "../strings.js";
import { isDone, measure } from "./composer.js";

/** @typedef {import("../room.js").MessageEntry} MessageEntry */

export class Editor {
  #store;
  #onsave;
  #ondone;
  #look;
  /** Half-written changes, by the message they are for. @type {Map<string, string>} */ #drafts = new Map();
  /** @type {{ row: HTMLElement, form: HTMLElement, place: string } | null} */ #open = null;

  /**
   * @param {import("../store.js").Store} store
   * @param {(room: string, position: string, text: string) => void} onsave @param {() => void} ondone
   * @param {(position: string) => MessageEntry | null} look how a message of the open room looks now
   */
  constructor(store, onsave, ondone, look) {
    this.#store = store;
    this.#onsave = onsave;
    this.#ondone = ondone;
    this.#look = look;
    store.addEventListener("folded", (event) => {
      const { type, room, target } = /** @type {CustomEvent<import("../fold.js").FoldFrame>} */ (event).detail;
      const place = placeOf(room, target);
      if (type !== "deleted" || (this.isOpen && this.#open?.place === place)) return;
      // Nobody gets to it any more.
      this.#drafts.delete(place);
      rememberDraft(place, "");
    });
  }

  get isOpen() {
    return this.#open !== null && this.#open.form.isConnected;
  }

  /** @param {HTMLElement} row @param {MessageEntry} entry */
  edit(row, entry) {
    this.#close();
    const room = this.#store.current ?? "";
    const place = placeOf(room, entry.position);
    const form = fromTemplate("editor");
    const field = /** @type {HTMLTextAreaElement} */ (part(form, "textarea"));
    const save = /** @type {HTMLButtonElement} */ (part(form, ".save"));
    const finish = () => {
      this.#forget(place);
      this.#close();
      this.#ondone();
    };
    const check = () => {
      const { over } = measure(field.value.trim(), this.#store.limits);
      save.disabled = over || field.value.trim() === "";
      setText(part(form, ".problem"), over ? strings["composer.tooLong"] : "");
      grow(field);
    };
    const submit = () => {
      const text = field.value.trim();
      if (save.disabled) return;
      // Another tab may have changed it meanwhile.
      const now = this.#look(entry.position)?.text ?? entry.text;
      finish();
      if (text !== now) this.#onsave(room, entry.position, text);
    };
    const draft = this.#drafts.get(place) ?? recallDraft(place);
    if (draft !== "") this.#drafts.set(place, draft);
    field.value = draft || entry.text;
    field.setAttribute("aria-label", strings["edit.label"]);
    setText(save, strings["edit.save"]);
    setText(part(form, ".cancel"), strings["edit.cancel"]);
    setText(part(form, ".hint"), strings["edit.hint"]);
    field.addEventListener("input", () => {
      this.#drafts.set(place, field.value);
      rememberDraft(place, field.value === entry.text ? "" : field.value);
      check();
    });
    field.addEventListener("keydown", (event) => {
      if (event.isComposing || event.keyCode === 229) return;
      if (event.key === "Escape") finish();
      else if (isDone(event)) submit();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      submit();
    });
    part(form, ".cancel").addEventListener("click", finish);
    part(row, ".text").after(form);
    row.classList.add("editing");
    this.#open = { row, form, place };
    check();
    field.focus({ preventScroll: true });
    field.setSelectionRange(field.value.length, field.value.length);
    field.scrollTop = field.scrollHeight;
    form.scrollIntoView({ block: "nearest", behavior: "instant" });
  }

  /** What another tab wrote there since is not ours to erase. @param {string} place */
  #forget(place) {
    if (recallDraft(place) === this.#drafts.get(place)) rememberDraft(place, "");
    this.#drafts.delete(place);
  }

  #close() {
    this.#open?.form.remove();
    this.#open?.row.classList.remove("editing");
    this.#open = null;
  }
}

/** @param {string} room @param {string} position */
const placeOf = (room, position) => `${room} ${position}`;

/** Our last message that can be edited. @param {import("../store.js").Store} store @returns {MessageEntry | null} */
export function lastOwn(store) {
  const { open, me } = store;
  const found = open?.entries.findLast(
    (entry) => entry.kind === "message" && entry.from.id === me?.id && !entry.deleted && !entry.lost,
  );
  return found?.kind === "message" ? found : null;
}
