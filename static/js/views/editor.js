// Changes a message where it stands. What one has typed is kept until it is saved or given up, also when the row goes
// out of sight.

import { fromTemplate, part, setText } from "../lib/dom.js";
import { strings } from "../strings.js";
import { isDone, measure } from "./composer.js";

/** @typedef {import("../room.js").MessageEntry} MessageEntry */

export class Editor {
  #store;
  #onsave;
  #ondone;
  /** Half-written changes, by the message they are for. @type {Map<string, string>} */ #drafts = new Map();
  /** @type {{ row: HTMLElement, form: HTMLElement } | null} */ #open = null;

  /**
   * @param {import("../store.js").Store} store
   * @param {(room: string, position: string, text: string) => void} onsave @param {() => void} ondone
   */
  constructor(store, onsave, ondone) {
    this.#store = store;
    this.#onsave = onsave;
    this.#ondone = ondone;
  }

  /** @param {HTMLElement} row @param {MessageEntry} entry */
  edit(row, entry) {
    this.#close();
    const room = this.#store.current ?? "";
    const place = `${room} ${entry.position}`;
    const form = fromTemplate("editor");
    const field = /** @type {HTMLTextAreaElement} */ (part(form, "textarea"));
    const save = /** @type {HTMLButtonElement} */ (part(form, ".save"));
    const finish = () => {
      this.#drafts.delete(place);
      this.#close();
      this.#ondone();
    };
    const check = () => {
      const { over } = measure(field.value.trim(), this.#store.limits);
      save.disabled = over || field.value.trim() === "";
      setText(part(form, ".problem"), over ? strings["composer.tooLong"] : "");
      field.style.height = "auto";
      field.style.height = `${field.scrollHeight + 2}px`;
    };
    const submit = () => {
      const text = field.value.trim();
      if (save.disabled) return;
      finish();
      if (text !== entry.text) this.#onsave(room, entry.position, text);
    };
    field.value = this.#drafts.get(place) ?? entry.text;
    field.setAttribute("aria-label", strings["edit.label"]);
    setText(save, strings["edit.save"]);
    setText(part(form, ".cancel"), strings["edit.cancel"]);
    setText(part(form, ".hint"), strings["edit.hint"]);
    field.addEventListener("input", () => {
      this.#drafts.set(place, field.value);
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
    this.#open = { row, form };
    check();
    field.focus({ preventScroll: true });
    field.setSelectionRange(field.value.length, field.value.length);
    form.scrollIntoView({ block: "nearest", behavior: "instant" });
  }

  #close() {
    this.#open?.form.remove();
    this.#open?.row.classList.remove("editing");
    this.#open = null;
  }
}

/** Our last message that can be edited. @param {import("../store.js").Store} store @returns {MessageEntry | null} */
export function lastOwn(store) {
  const { open, me } = store;
  const found = open?.entries.findLast(
    (entry) => entry.kind === "message" && entry.from.id === me?.id && !entry.deleted && !entry.lost,
  );
  return found?.kind === "message" ? found : null;
}
