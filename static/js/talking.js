// What one can do in a conversation beside writing: joins the views of edits, reactions, replies, mentions, search and
// private rooms with each other and with the connection.

import { messageAt } from "./fold.js";
import { button, byId, element } from "./lib/dom.js";
import { comparePositions } from "./position.js";
import { create, direct, forget, invite, isPrivate, search } from "./protocol.js";
import { lookUp, speakOfMore, strings } from "./strings.js";
import { beginsFurtherUp } from "./unread.js";
import { ActionBar } from "./views/action_bar.js";
import { Editor, lastOwn } from "./views/editor.js";
import { EmojiPicker } from "./views/emoji_picker.js";
import { ReplyBar } from "./views/reply_bar.js";

/**
 * @typedef {import("./room.js").MessageEntry} MessageEntry
 * @typedef {{
 *   store: import("./store.js").Store,
 *   connection: import("./connection.js").Connection,
 *   messages: import("./views/messages.js").MessagesView,
 *   compose: () => void,
 *   open: (room: string) => void,
 *   leave: (room: string) => void,
 *   notice: (text: string) => void,
 * }} Parts
 */

/** How long it takes to give up on history that does not come. */
const PATIENCE_MS = 15_000;

export class Talking {
  #parts;
  #picker = new EmojiPicker();
  #reply;
  #editor;
  #bar;
  /** @type {import("./views/search.js").SearchView | null} */ #panel = null;
  /** @type {import("./views/people.js").PeopleView | null} */ #people = null;
  /** @type {import("./views/mention_box.js").MentionBox | null} */ #mentions = null;

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
    const { store, connection, compose } = parts;
    this.#reply = new ReplyBar(store, compose);
    this.#editor = new Editor(store, (room, target, text) => connection.post(room, text, { kind: "edit", target }), () => {
      parts.messages.settle();
      compose();
    }, (position) => parts.messages.look(position));
    parts.messages.isEditing = () => this.#editor.isOpen;
    this.#bar = new ActionBar(store, {
      react: (entry, anchor) => this.#picker.open(anchor, (emoji) => this.#react(entry, emoji, true)),
      reply: (entry) => {
        this.#reply.answer(entry);
        compose();
      },
      edit: (entry) => this.#edit(entry),
      remove: ({ position: target }) => this.#post("", { kind: "delete", target }),
      compose,
      find: (position) => messageAt(store.open, position),
    });
    const toggle = button("search-toggle");
    toggle.addEventListener("click", () => void this.#search().catch(() => parts.notice(lookUp("notLoaded", "search.failed"))));
    this.#listen();
    this.#listenForPeople(button("create-open"));
  }

  /** What a message from the composer does. */
  deed() {
    return this.#reply.take();
  }

  /** Shows a message, loading history up to it if need be. @param {string} position */
  async goTo(position) {
    const { messages, notice } = this.#parts;
    const row = await this.#load(position, () => messages.reveal(position));
    if (row) this.#point(row);
    else if (row === null) notice(lookUp("messages.unreachable", "messages.gap"));
  }

  /** Shows where what one missed begins. */
  async goToUnread() {
    const { store, messages } = this.#parts;
    const isThere = await this.#load(store.open?.divider ?? "", () => store.open !== null && !beginsFurtherUp(store.open));
    if (isThere) messages.reveal(messages.firstUnread() ?? "", "start");
  }

  /** Loads history until something is found: null if it is not, undefined if the reader is on the way elsewhere by then.
   * @template T @param {string} goal its position @param {() => T} find */
  async #load(goal, find) {
    const { store, messages, connection } = this.#parts;
    const room = store.open;
    if (!room) return undefined;
    messages.goal = goal;
    /** @type {T | null} */
    let found = null;
    while (messages.goal === goal && store.open === room) {
      found = find();
      if (found) break;
      const { before } = room;
      // What is not there although the page goes back that far is gone.
      if (before !== null && comparePositions(before, goal) <= 0) break;
      if (!room.more || (!room.loading && !connection.loadOlder(room.name))) break;
      await loaded(store, room);
      if (room.before === before) break;
    }
    if (messages.goal !== goal || store.open !== room) return undefined;
    messages.goal = "";
    return found || null;
  }

  /** Opens or closes the search, which is fetched when it is first asked for. */
  async #search() {
    const { store, connection } = this.#parts;
    await speakOfMore();
    const { SearchView } = await import("./views/search.js");
    this.#panel ??= new SearchView(store, {
      find: (room, query, before) => connection.request(search(room, query, before), room),
      go: (position) => void this.goTo(position),
      connection,
    });
    this.#panel.toggle();
  }

  /** What is about private rooms is fetched when there is one, or is about to be. @param {HTMLButtonElement} opener */
  #listenForPeople(opener) {
    const { store, notice } = this.#parts;
    const begin = () => {
      if ([...store.rooms.keys()].some(isPrivate)) void load().catch(() => {});
    };
    const ask = () => void load().then(() => opener.click(), () => notice(strings["notLoaded"]));
    const load = async () => {
      await this.#showPeople();
      store.removeEventListener("rooms", begin);
      opener.removeEventListener("click", ask);
    };
    store.addEventListener("rooms", begin);
    opener.addEventListener("click", ask);
  }

  /** People are offered from the first @ on. @param {HTMLTextAreaElement} field */
  async #offerPeople(field) {
    const { MentionBox } = await import("./views/mention_box.js");
    if (this.#mentions) return;
    this.#mentions = new MentionBox(this.#parts.store);
    field.dispatchEvent(new Event("input"));
  }

  async #showPeople() {
    const { store, connection } = this.#parts;
    await speakOfMore();
    const { PeopleView } = await import("./views/people.js");
    this.#people ??= new PeopleView(store, {
      create: async (...room) => this.#opened(await connection.request(create(...room))),
      invite: (room, name) => connection.request(invite(room, name)),
      forget: (room) => connection.request(forget(room)),
    });
  }

  #listen() {
    const { store, connection, leave } = this.#parts;
    const at = (/** @type {Event} */ event) => /** @type {CustomEvent<string>} */ (event).detail;
    store.addEventListener("added", (event) => connection.join(at(event)));
    store.addEventListener("forgotten", (event) => leave(at(event)));
    element("messages").addEventListener("click", (event) => this.#onClick(event));
    const field = byId("composer-text", HTMLTextAreaElement);
    field.addEventListener("input", () => {
      // Without a network, people are not offered.
      if (this.#mentions === null && field.value.includes("@")) void this.#offerPeople(field).catch(() => {});
    });
    field.addEventListener("keydown", (event) => {
      if (event.isComposing || event.shiftKey || event.altKey || event.ctrlKey || event.metaKey) return;
      if (event.key === "Escape" && this.#reply.cancel()) event.stopPropagation();
      if (event.key !== "ArrowUp" || field.value !== "") return;
      const entry = lastOwn(store);
      if (!entry) return;
      event.preventDefault();
      this.#edit(entry);
    });
  }

  /** @param {Event} event */
  #onClick(event) {
    const target = event.target instanceof Element ? event.target.closest("button") : null;
    const row = target?.closest("li.row");
    if (!target || !(row instanceof HTMLElement)) return;
    const entry = messageAt(this.#parts.store.open, row.dataset["position"]);
    if (target.classList.contains("quote")) void this.goTo(target.dataset["position"] ?? "");
    else if (!entry) return;
    else if (target.classList.contains("reaction")) {
      const emoji = target.closest("li")?.dataset["emoji"] ?? "";
      this.#react(entry, emoji, target.getAttribute("aria-pressed") !== "true");
    }
  }

  /** @param {MessageEntry} entry @param {string} emoji @param {boolean} on */
  #react({ position: target }, emoji, on) {
    this.#post("", { kind: "react", target, emoji, on });
  }

  /** @param {string} text @param {import("./protocol.js").Deed} deed */
  #post(text, deed) {
    const { store, connection } = this.#parts;
    if (store.current !== null) connection.post(store.current, text, deed);
  }

  /** @param {MessageEntry} entry */
  #edit(entry) {
    const row = this.#parts.messages.reveal(entry.position, "nearest");
    // The text as it is now, with an edit that is still on its way.
    if (row) this.#editor.edit(row, this.#parts.messages.look(entry.position) ?? entry);
  }

  /** @param {HTMLElement} row */
  #point(row) {
    row.classList.remove("pointed");
    // Starting an animation anew takes a style that was computed without it.
    void row.offsetWidth;
    row.classList.add("pointed");
    this.#bar.focus(row);
  }

  /** Opens the room of us two. @param {import("./protocol.js").User} user */
  async direct(user) {
    const answer = this.#opened(await this.#parts.connection.request(direct(user)));
    if (answer.type !== "error") return;
    const why = answer.code === "bad_name" ? "gone" : answer.code;
    this.#parts.notice(lookUp(`people.why.${why}`, "people.failed", user.name));
  }

  /** Mentions somebody in what one is writing. @param {import("./protocol.js").User} user */
  async mention(user) {
    const { mentionInComposer } = await import("./views/mention_box.js");
    mentionInComposer(user);
  }

  /** @param {import("./protocol.js").ServerFrame} answer */
  #opened(answer) {
    if (answer.type === "created") this.#parts.open(answer.room);
    return answer;
  }
}

/** Until the history that was asked for is there, or nobody brings it.
 * @param {import("./store.js").Store} store @param {import("./room.js").Room} room @returns {Promise<void>} */
function loaded(store, room) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      store.removeEventListener("room", check);
      resolve();
    };
    const check = () => {
      if (!room.loading) end();
    };
    const timer = setTimeout(end, PATIENCE_MS);
    store.addEventListener("room", check);
    check();
  });
}
