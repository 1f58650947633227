// Carries frames over one WebSocket. It has the same methods and callbacks as the long-poll, so that nothing else in
// the page needs to know which of the two is in use.

import { nextTask } from "../lib/timing.js";
import { parseFrame } from "../protocol.js";

/**
 * @typedef {import("../protocol.js").ServerFrame} ServerFrame
 * @typedef {import("../protocol.js").ClientFrame} ClientFrame
 * @typedef {import("../reconnect.js").Ending} Ending
 * @typedef {{
 *   onframe: (frame: ServerFrame) => void,
 *   gather: (deliver: () => void) => void,
 *   onroom: (room: string) => void,
 *   onclose: (ending: Ending) => void,
 * }} Callbacks `gather` surrounds frames that came together; `onroom` says that a room is joined and caught up on this link
 * @typedef {{ send: (frame: ClientFrame) => void, wake: () => void, farewell?: () => void,
 *   close: () => void }} Transport
 */

/** @implements {Transport} */
export class WebSocketTransport {
  /** @type {WebSocket} */ #socket;
  /** @type {Callbacks | null} */ #callbacks;
  /** What came since the page last had a turn: each frame of a burst is an event of its own. @type {unknown[]} */ #waiting = [];

  /**
   * @param {string} url
   * @param {Callbacks} callbacks
   * @param {typeof WebSocket} [Socket]
   */
  constructor(url, callbacks, Socket = WebSocket) {
    this.#callbacks = callbacks;
    this.#socket = new Socket(url);
    this.#socket.onmessage = (event) => this.#take(event.data);
    this.#socket.onclose = (event) => this.#end({ code: event.code, reason: event.reason });
  }

  /** @param {ClientFrame} frame */
  send(frame) {
    if (this.#socket.readyState === 1) this.#socket.send(JSON.stringify(frame));
  }

  /** A socket needs no waking: frames reach it in a hidden page too. */
  wake() {}

  /** Ends the link from our side. A half-open socket may never report its close, so its events are not awaited. */
  close() {
    this.#callbacks = null;
    this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close(1000);
  }

  /** @param {unknown} data */
  #take(data) {
    if (this.#waiting.push(data) === 1) void nextTask().then(() => this.#deliver());
  }

  #deliver() {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#callbacks?.gather(() => {
      for (const data of waiting) this.#receive(data);
    });
  }

  /** @param {unknown} data */
  #receive(data) {
    const frame = parseFrame(data);
    if (!frame) return;
    this.#callbacks?.onframe(frame);
    if ((frame.type === "joined" || frame.type === "page") && !frame.more) this.#callbacks?.onroom(frame.room);
  }

  /** @param {Ending} ending */
  #end(ending) {
    this.#deliver();
    const callbacks = this.#callbacks;
    this.#callbacks = null;
    callbacks?.onclose(ending);
  }
}

/** The address of the WebSocket beside the page's own. @param {{ protocol: string, host: string }} location */
export function socketUrl(location) {
  return `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/ws`;
}
