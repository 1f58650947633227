// The page before anyone is signed in: one field, one button, and a reason when it did not work.

import { button, element, input, setText } from "../lib/dom.js";
import { recallName, recallUser, rememberName } from "../memory.js";
import { signIn } from "../session.js";
import { lookUp, strings } from "../strings.js";

export class SignInView {
  #page = element("sign-in");
  #form = element("sign-in-form");
  #name = input("sign-in-name");
  #error = element("sign-in-error");
  #note = element("sign-in-note");
  /** @type {(user: import("../protocol.js").User) => void} */ #onsignedin;

  /** @param {(user: import("../protocol.js").User) => void} onsignedin */
  constructor(onsignedin) {
    this.#onsignedin = onsignedin;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#submit();
    });
    this.#name.addEventListener("input", () => this.#complain(""));
    // The key that signed out may still be held down.
    this.#form.addEventListener("keydown", (event) => {
      if (event.repeat && event.key === "Enter") event.preventDefault();
    });
  }

  /** @param {{ again: boolean, hadPrivateRooms: boolean }} why `again`: a session has ended by itself */
  show({ again, hadPrivateRooms }) {
    const words = again ? strings["signIn.again"] : strings["signIn.intro"];
    setText(this.#note, again && hadPrivateRooms ? `${words} ${strings["signIn.againPrivate"]}` : words);
    this.#complain("");
    if (this.#name.value === "") this.#name.value = recallUser()?.name ?? recallName();
    this.#page.hidden = false;
    this.#name.focus();
    this.#name.select();
  }

  hide() {
    this.#page.hidden = true;
  }

  get isShown() {
    return !this.#page.hidden;
  }

  async #submit() {
    const name = this.#name.value.trim().replace(/\s+/gu, " ");
    if (name === "") return this.#complain(strings["signIn.empty"]);
    const submit = button("sign-in-form-button");
    submit.disabled = true;
    const answer = await signIn(name);
    submit.disabled = false;
    if (answer.ok) {
      rememberName(name);
      this.#onsignedin(answer.body.user);
    } else {
      this.#complain(lookUp(`signIn.${answer.code}`, "signIn.other"));
    }
  }

  /** @param {string} text */
  #complain(text) {
    setText(this.#error, text);
    this.#name.setAttribute("aria-invalid", String(text !== ""));
    if (text !== "") this.#name.focus();
  }
}
