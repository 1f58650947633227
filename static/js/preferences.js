// What one chose in this browser: which rooms may call, and whom one does not want to read. It belongs to the name one
// signs in with, as ids change with each session, and every tab follows when it changes in one.

import { recall, remember } from "./memory.js";

/**
 * @typedef {"all" | "mentions" | "none"} Level
 * @typedef {import("./protocol.js").User} User
 */

const MOST_MUTED = 500;
const MOST_LEVELS = 500;
/** @type {readonly Level[]} */
export const LEVELS = ["all", "mentions", "none"];

export class Preferences extends EventTarget {
  #owner = "";
  /** @type {Map<string, Level>} */ #levels = new Map();
  /** @type {User[]} */ #muted = [];

  constructor() {
    super();
    globalThis.addEventListener?.("storage", ({ key }) => {
      if (this.#owner !== "" && (key === null || key?.endsWith(`:${this.#owner}`))) this.load(this.#owner);
    });
  }

  /** @param {string} name of the one who signed in */
  load(name) {
    this.#owner = name.toLowerCase();
    const levels = recall(`levels:${this.#owner}`);
    const muted = recall(`muted:${this.#owner}`);
    this.#levels = new Map(Object.entries(levels ?? {}).filter(([, level]) => LEVELS.includes(level)));
    this.#muted = Array.isArray(muted) ? muted.filter((user) => typeof user?.id === "string" && typeof user.name === "string") : [];
    this.#tell();
  }

  /** Unless told otherwise, a conversation among few calls for each message and a public room only by our name.
   * @param {string} room @returns {Level} */
  levelOf(room) {
    return this.#levels.get(room) ?? (/^[dp]-/.test(room) ? "all" : "mentions");
  }

  /** @param {string} room @param {Level} level */
  setLevel(room, level) {
    this.#levels.delete(room);
    this.#levels.set(room, level);
    const kept = [...this.#levels].slice(-MOST_LEVELS);
    remember(`levels:${this.#owner}`, Object.fromEntries(kept));
    this.#tell();
  }

  get muted() {
    return this.#muted;
  }

  /** Whoever signs in anew has another id and keeps the name. @param {User} user */
  isMuted(user) {
    if (this.#muted.length === 0) return false;
    const name = user.name.toLowerCase();
    return this.#muted.some((one) => one.id === user.id || one.name.toLowerCase() === name);
  }

  /** @param {User} user @param {boolean} on */
  mute(user, on) {
    const name = user.name.toLowerCase();
    const others = this.#muted.filter((one) => one.id !== user.id && one.name.toLowerCase() !== name);
    this.#muted = on ? [...others, { id: user.id, name: user.name }].slice(-MOST_MUTED) : others;
    remember(`muted:${this.#owner}`, this.#muted);
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new CustomEvent("change"));
  }
}
