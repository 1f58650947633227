// A small card about one person, opened from their name: write to them alone, or mention them here.

import { button, byId, element, paintAvatar, setText } from "../lib/dom.js";
import { openBeside } from "../lib/float.js";
import { strings } from "../strings.js";

/** @typedef {import("../protocol.js").User} User */

export class PersonCard {
  #card = element("person");
  /** @type {User | null} */ #user = null;

  /** @param {{ direct: (user: User) => void, mention: (user: User) => void }} actions */
  constructor(actions) {
    const choose = (/** @type {(user: User) => void} */ act) => () => {
      this.#card.hidePopover();
      if (this.#user) act(this.#user);
    };
    button("person-message").addEventListener("click", choose(actions.direct));
    button("person-mention").addEventListener("click", choose(actions.mention));
  }

  /** @param {User} user @param {Element} anchor */
  open(user, anchor) {
    this.#user = user;
    paintAvatar(element("person-avatar"), user);
    setText(element("person-name"), user.name);
    setText(button("person-message"), strings["person.message"](user.name));
    setText(button("person-mention"), strings["person.mention"]);
    openBeside(this.#card, anchor, "below");
    button("person-message").focus();
  }
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
