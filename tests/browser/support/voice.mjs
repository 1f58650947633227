// Somebody who talks over the HTTP API alone: the quick way to fill a room before people look at it.

import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { PATIENCE_MS } from "./until.mjs";

export class Voice {
  #url;
  id = "";
  /** What the session is known by. */ cookie = "";

  /** @param {string} url */
  constructor(url) {
    this.#url = url;
  }

  /** @param {string} url @param {string} name */
  static async of(url, name) {
    const voice = new Voice(url);
    const response = await voice.#post("/api/v1/session", { name });
    voice.cookie = response.headers.getSetCookie().map((cookie) => cookie.split(";")[0]).join("; ");
    voice.id = (await response.json()).user.id;
    return voice;
  }

  /** Signs out, so that the name is free again. */
  async goes() {
    await fetch(`${this.#url}/api/v1/session`, { method: "DELETE", headers: { cookie: this.cookie, origin: this.#url } });
  }

  /** Says all texts, in this order. @param {string} room @param {string[]} texts @returns {Promise<string[]>} where each is */
  async says(room, ...texts) {
    return (await this.does(texts.map((text) => ({ type: "send", room, text })))).map(({ position }) => position);
  }

  /** Frames that get a key and are acknowledged, in this order. @param {object[]} deeds @returns {Promise<any[]>} the replies */
  async does(deeds) {
    const replies = [];
    for (let start = 0; start < deeds.length; start += 16) {
      replies.push(...(await this.#insists(deeds.slice(start, start + 16).map((deed) => ({ ...deed, key: randomUUID() })))));
    }
    const refused = replies.find(({ type }) => type === "error");
    if (refused) throw new Error(`not done: ${JSON.stringify(refused)}`);
    return replies;
  }

  /** What was not done for now is asked for again, with all that follows it and under the same keys.
   * @param {object[]} frames @returns {Promise<any[]>} */
  async #insists(frames) {
    const end = performance.now() + PATIENCE_MS;
    /** @type {any[]} */
    const done = [];
    for (;;) {
      const { frames: replies } = await (await this.#post("/api/v1/frames", { frames: frames.slice(done.length) })).json();
      const busy = replies.findIndex((/** @type {any} */ { code }) => code === "timeout" || code === "unavailable");
      if (busy < 0 || performance.now() > end) return [...done, ...replies];
      done.push(...replies.slice(0, busy));
      await pause(replies[busy].retry_after_ms ?? 100);
    }
  }

  /** Has read up to there, as far as the server knows. @param {string} room @param {string} position */
  async reads(room, position) {
    await this.#post("/api/v1/frames", { frames: [{ type: "read", room, position }] });
  }

  /** Is seen typing for a moment. @param {string} room */
  async types(room) {
    await this.#post("/api/v1/frames", { frames: [{ type: "typing", room, on: true }] });
  }

  /** Counts as being there for a while, as somebody on a long-poll does. @param {string[]} rooms */
  async visits(...rooms) {
    const cursors = Object.fromEntries(rooms.map((room) => [room, null]));
    await this.#post("/api/v1/poll", { rooms: cursors, hold_ms: 0 });
  }

  /** What the log of a room says now. @param {string} room
   * @returns {Promise<import("../../../static/js/protocol.js").MessageFrame[]>} */
  async looksBack(room) {
    const response = await fetch(`${this.#url}/api/v1/rooms/${room}/messages?limit=100`, { headers: { cookie: this.cookie } });
    if (!response.ok) throw new Error(`reading ${room}: ${response.status} ${await response.text()}`);
    return (await response.json()).messages;
  }

  /** @param {string} path @param {object} body */
  async #post(path, body) {
    const response = await fetch(`${this.#url}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", cookie: this.cookie, origin: this.#url },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response;
  }
}
