// Whose room a private or direct one is: the people who are not here now, letting somebody in, and leaving for good;
// and in the sidebar the form that makes a private room.

import { locale } from "../language.js";
import { newKey } from "../keys.js";
import { button, element, fromTemplate, input, reconcile, setText } from "../lib/dom.js";
import { perFrame } from "../lib/timing.js";
import { twoStep } from "../lib/two_step.js";
import { isDirect, isPrivate } from "../protocol.js";
import { lookUp, strings } from "../strings.js";
import { paintPerson } from "./members.js";
import { NamesakesView } from "./namesakes.js";

/**
 * @typedef {import("../protocol.js").User} User
 * @typedef {import("../protocol.js").ServerFrame} ServerFrame
 * @typedef {{ create: (key: string, title: string, names: string[]) => Promise<ServerFrame>,
 *   invite: (room: string, name: string) => Promise<ServerFrame>, forget: (room: string) => Promise<ServerFrame> }} Actions
 */

export class PeopleView {
  #store;
  #actions;
  #section = element("people");
  #list = element("away-list");
  #form = element("invite-form");
  #name = input("invite-name");
  #told = element("invite-told");
  #forget = button("forget");
  /** @type {Map<string, HTMLElement>} */ #nodes = new Map();
  #room = "";

  /** @param {import("../store.js").Store} store @param {Actions} actions */
  constructor(store, actions) {
    this.#store = store;
    this.#actions = actions;
    const render = perFrame(() => this.#render());
    store.addEventListener("rooms", render);
    store.addEventListener("room", render);
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#invite();
    });
    this.#name.addEventListener("input", () => setText(this.#told, ""));
    twoStep(this.#forget, {
      label: this.#forget,
      ask: () => strings["people.reallyForget"],
      act: () => void this.#leave(),
    });
    listenToCreation(actions);
    new NamesakesView(store);
    render();
  }

  #render() {
    const room = this.#store.open;
    // It is an SVG, which has no property for this.
    document.getElementById("room-lock")?.toggleAttribute("hidden", room === null || !isPrivate(room.name));
    this.#section.hidden = room === null || !isPrivate(room.name) || room.closed;
    if (!room || this.#section.hidden) return;
    if (room.name !== this.#room) {
      this.#room = room.name;
      this.#name.value = "";
      setText(this.#told, "");
    }
    const away = room.people.filter(({ id }) => !room.members.has(id));
    away.sort((a, b) => a.name.localeCompare(b.name, locale));
    element("away-title").hidden = away.length === 0;
    reconcile(this.#list, this.#nodes, away, {
      key: (user) => user.id,
      create: () => fromTemplate("member-row"),
      update: paintPerson,
    });
    this.#form.hidden = isDirect(room.name);
  }

  async #invite() {
    const room = this.#room;
    const name = this.#name.value.trim();
    if (name === "") return this.#name.focus();
    const answer = await this.#actions.invite(room, name);
    if (room !== this.#room) return;
    const isIn = answer.type === "invited";
    if (isIn) this.#name.value = "";
    setText(this.#told, isIn ? strings["people.isIn"](answer.user.name) : problem(answer, name));
    this.#told.classList.toggle("problem", !isIn);
    this.#name.focus();
  }

  async #leave() {
    const answer = await this.#actions.forget(this.#room);
    if (answer.type === "error") setText(this.#told, problem(answer, ""));
    this.#told.classList.toggle("problem", answer.type === "error");
  }
}

/** @param {Actions} actions */
function listenToCreation(actions) {
  const opener = button("create-open");
  const form = element("create-form");
  const title = input("create-title");
  const people = input("create-people");
  const told = element("create-problem");
  const show = (/** @type {boolean} */ shown) => {
    form.hidden = !shown;
    opener.setAttribute("aria-expanded", String(shown));
    if (shown) title.focus();
  };
  opener.addEventListener("click", () => show(form.hidden === true));
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing) return;
    event.stopPropagation();
    show(false);
    opener.focus();
  });
  // As long as it asks for the same, it asks for one room, however often.
  let key = newKey();
  form.addEventListener("input", () => {
    key = newKey();
    setText(told, "");
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (title.value.trim() === "") {
      setText(told, strings["people.noTitle"]);
      return title.focus();
    }
    const names = people.value.split(",").map((name) => name.trim()).filter(Boolean);
    const make = button("create-button");
    make.disabled = true;
    const ask = () => actions.create(key, title.value.trim(), names);
    let answer = await ask();
    if (answer.type === "error" && answer.code === "no_such_room") {
      // An earlier try had made it, and they have left it since: they want another one.
      key = newKey();
      answer = await ask();
    }
    make.disabled = false;
    if (answer.type !== "created") return setText(told, problem(answer, missing(answer, names)));
    title.value = people.value = "";
    key = newKey();
    show(false);
  });
}

/** Whom of several people the server does not know: it says so in English, by the name.
 * @param {ServerFrame} answer @param {string[]} names */
function missing(answer, names) {
  const message = answer.type === "error" ? answer.message : "";
  return names.find((name) => message.endsWith(` ${name}`)) ?? names.join(", ");
}

/** @param {ServerFrame} answer @param {string} name */
function problem(answer, name) {
  return lookUp(`people.why.${answer.type === "error" ? answer.code : ""}`, "people.failed", name);
}
