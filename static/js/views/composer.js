// Where one writes. It is never disabled: without a connection a message waits in the unsent list instead.

import { byId, element, grow, setText } from "../lib/dom.js";
import { debounce } from "../lib/timing.js";
import { isDraft, recallDraft, rememberDraft } from "../memory.js";
import { strings } from "../strings.js";

/** @typedef {{ send: (room: string, text: string) => void, typing: (room: string, on: boolean) => void }} Actions */

const TYPING_EVERY_MS = 3_000;
const DRAFT_MS = 400;
/** The counter appears this close to the limit. */
const NEAR_LIMIT = 200;

export class ComposerView {
  #store;
  #actions;
  #field = byId("composer-text", HTMLTextAreaElement);
  #counter = element("counter");
  #tooLong = element("too-long");
  #room = "";
  /** The draft of the room as this tab read or wrote it last. */ #known = "";
  #typedAt = -TYPING_EVERY_MS;
  #saveDraft = debounce(DRAFT_MS, () => this.#save());

  /** @param {import("../store.js").Store} store @param {Actions} actions */
  constructor(store, actions) {
    this.#store = store;
    this.#actions = actions;
    const form = element("composer");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#field.addEventListener("keydown", (event) => this.#onKey(event));
    this.#field.addEventListener("input", () => this.#onInput());
    store.addEventListener("hello", () => this.#count());
    addEventListener("pagehide", () => this.#save());
    addEventListener("storage", (event) => this.#onStorage(event));
  }

  /** Shows the draft of another room. @param {string} room @param {string} title */
  open(room, title) {
    if (room !== this.#room) {
      this.#save();
      this.#room = room;
      this.#typedAt = -TYPING_EVERY_MS;
      this.#known = this.#field.value = recallDraft(room);
      grow(this.#field);
      // The end of a long draft is where one goes on.
      this.#field.scrollTop = this.#field.scrollHeight;
      this.#count();
      // The focus does not move, so a screen reader would say nothing.
      setText(element("room-told"), document.activeElement === this.#field ? title : "");
    }
    this.#field.placeholder = strings["composer.hint"](title);
    this.#field.setAttribute("aria-label", this.#field.placeholder);
  }

  /** Keeps the draft, lets something be added to it there, and goes on with what it is then. @param {() => void} add */
  extend(add) {
    this.#save();
    add();
    const draft = recallDraft(this.#room);
    if (this.#room === "" || draft === this.#field.value || !draft.startsWith(this.#field.value)) return;
    this.#known = this.#field.value = draft;
    grow(this.#field);
    this.#count();
  }

  /** Another tab may have written in the same room meanwhile: a text is kept, but theirs is not ours to erase. */
  #save() {
    const text = this.#field.value;
    const kept = recallDraft(this.#room);
    // What was added to ours elsewhere stays, too, if we have written nothing since.
    if (text === this.#known && kept !== text && kept.startsWith(text)) return;
    if (text !== "" || kept === this.#known) rememberDraft(this.#room, text);
    this.#known = text;
  }

  /** A draft that another tab has sent is none any more. @param {StorageEvent} event */
  #onStorage({ key, oldValue, newValue }) {
    if (newValue !== null || !isDraft(key, oldValue, this.#room, this.#field.value)) return;
    this.#field.value = this.#known = "";
    grow(this.#field);
    this.#count();
  }

  focus() {
    this.#field.focus({ preventScroll: true });
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (!isDone(event)) return;
    event.preventDefault();
    this.#send();
  }

  #onInput() {
    grow(this.#field);
    this.#count();
    this.#saveDraft();
    const now = performance.now();
    if (this.#field.value.trim() === "") {
      this.#stopTyping();
    } else if (now - this.#typedAt >= TYPING_EVERY_MS) {
      this.#typedAt = now;
      this.#actions.typing(this.#room, true);
    }
  }

  #stopTyping() {
    if (performance.now() - this.#typedAt < 2 * TYPING_EVERY_MS) this.#actions.typing(this.#room, false);
    this.#typedAt = -2 * TYPING_EVERY_MS;
  }

  #send() {
    const text = this.#field.value.trim();
    if (text === "" || measure(text, this.#store.limits).over) return this.focus();
    this.#field.value = "";
    grow(this.#field);
    this.#count();
    this.#save();
    // The message itself ends the typing note for everybody, so no second frame is needed.
    this.#typedAt = -TYPING_EVERY_MS;
    this.#actions.send(this.#room, text);
    this.focus();
  }

  #count() {
    const { used, most, over } = measure(this.#field.value.trim(), this.#store.limits);
    setText(this.#counter, over || used > most - NEAR_LIMIT ? strings["composer.count"](used, most) : "");
    this.#counter.classList.toggle("over", over);
    // The words stay the same while one shortens the text, so that a screen reader says them once.
    setText(this.#tooLong, over ? strings["composer.tooLong"] : "");
    this.#field.setAttribute("aria-invalid", String(over));
  }
}

/** Whether a key says that the text is complete. @param {KeyboardEvent} event */
export function isDone(event) {
  if (event.key !== "Enter" || event.shiftKey || event.altKey) return false;
  // While an input method composes, Enter picks a word; Safari reports that Enter only by its key code 229.
  if (event.isComposing || event.keyCode === 229) return false;
  // A touch keyboard has no Shift+Enter, so there Enter makes the new line and a button sends.
  return event.ctrlKey || event.metaKey || !matchMedia("(hover: none) and (pointer: coarse)").matches;
}

/**
 * How many characters a text has and how many of them may be sent at most: fewer than the limit on characters where
 * the bytes run out before.
 * @param {string} text @param {{ text_chars?: number, text_bytes?: number } | null} limits
 * @returns {{ used: number, most: number, over: boolean }}
 */
export function measure(text, limits) {
  const { text_chars: chars = 4_000, text_bytes: bytes = 8_192 } = limits ?? {};
  let used = 0;
  let size = 0;
  let fit = 0;
  for (const letter of text) {
    used += 1;
    size += bytesOf(/** @type {number} */ (letter.codePointAt(0)));
    if (size <= bytes) fit = used;
  }
  const most = size > bytes ? Math.min(chars, fit) : chars;
  return { used, most, over: used > most };
}

/** The length in UTF-8. @param {number} code */
function bytesOf(code) {
  if (code < 0x80) return 1;
  if (code < 0x800) return 2;
  return code < 0x10000 ? 3 : 4;
}
