// Joins the state machine to real transports, timers and the store: carries out its steps, joins the rooms on every
// link, sends what is unsent, and turns answers into changes. The decisions themselves are in reconnect.js.

import { deedDone, dropMoot, post } from "./deeds.js";
import { RETRYABLE, deedFrame, history, join, leave, members, ping, read, typing } from "./protocol.js";
import { Reconnect } from "./reconnect.js";
import { ANSWER_MS } from "./unsent.js";

/**
 * @typedef {import("./protocol.js").ServerFrame} ServerFrame
 * @typedef {import("./protocol.js").ClientFrame} ClientFrame
 * @typedef {import("./protocol.js").ErrorFrame} ErrorFrame
 * @typedef {import("./transport/websocket.js").Transport} Transport
 * @typedef {import("./transport/websocket.js").Callbacks} Callbacks
 * @typedef {{ transport: Transport, greeted: boolean, ready: Set<string>, refused: Set<string> }} OpenLink
 * @typedef {{
 *   store: import("./store.js").Store,
 *   unsent: import("./unsent.js").Unsent,
 *   open: (over: "websocket" | "long_poll", callbacks: Callbacks) => Transport,
 *   now: () => number,
 *   random: () => number,
 *   blocked: boolean,
 * }} Parts
 *
 * Events: "status"; "stranger" the server knows us as someone else than the page does.
 */

/** @type {ErrorFrame} */
const UNREACHABLE = { type: "error", code: "unreachable", message: "" };

export class Connection extends EventTarget {
  /** @type {Parts} */ #parts;
  /** @type {Reconnect} */ #machine;
  /** @type {Map<number, OpenLink>} */ #links = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  #pausedUntil = 0;
  /** Frames that may still be answered by an error, by the id we gave them. @type {Map<number, ClientFrame>} */
  #asked = new Map();
  /** Who waits for the answer to a question. @type {Map<number, { link: OpenLink, resolve: (frame: ServerFrame) => void }>} */
  #replies = new Map();
  #lastId = 0;

  /** @param {Parts} parts */
  constructor(parts) {
    super();
    this.#parts = parts;
    this.#machine = new Reconnect({ random: parts.random, blocked: parts.blocked });
    const { store } = parts;
    listen(store, "message", ({ message }) => {
      if (message.from.id === store.me?.id) this.#stored(message);
    });
    listen(store, "folded", (frame) => {
      if (frame.by.id === store.me?.id) this.#stored(frame);
      if (frame.type === "deleted") dropMoot(parts, frame.room);
    });
    listen(store, "lost", (lost) => {
      if (parts.unsent.takeBack(lost, store.rooms.get(lost.room)?.position ?? null)) this.flush(lost.room);
    });
    listen(store, "closed", (room) => this.flush(room));
    listen(store, "members_needed", (room) => {
      if (room === store.current) this.askMembers(room);
    });
  }

  start() {
    this.#run(this.#machine.start(this.#parts.now()));
  }

  /** Stops for good, as the session is over. */
  end() {
    for (const { transport } of this.#links.values()) transport.farewell?.();
    this.stop();
  }

  stop() {
    this.#run(this.#machine.stop(this.#parts.now()));
  }

  get status() {
    return this.#machine.status(this.#parts.now());
  }

  get blocked() {
    return this.#machine.blocked;
  }

  /** @param {"wake" | "online" | "offline" | "tryNow"} event something the browser or the user told us */
  nudge(event) {
    for (const { transport } of this.#links.values()) transport.wake();
    this.#run(this.#machine[event](this.#parts.now()));
  }

  /** Becomes a member of a room on every link, now and after each reconnect. @param {string} room */
  join(room) {
    const { store } = this.#parts;
    if (store.rooms.get(room)?.closed === false) return;
    store.apply({ type: "@want", room });
    for (const link of this.#links.values()) if (link.greeted) this.#joinOn(link, room);
  }

  /** @param {string} room */
  leave(room) {
    this.#parts.store.apply({ type: "@drop", room });
    for (const link of this.#links.values()) {
      link.ready.delete(room);
      if (link.greeted) link.transport.send(leave(room));
    }
  }

  /** Takes a message from the composer, or a change of one. It is on screen at once and sent as soon as its room can be
   * reached. @param {string} room @param {string} text @param {import("./protocol.js").Deed} [deed] */
  post(room, text, deed) {
    post(this.#parts, room, text, deed);
    this.flush(room);
  }

  /**
   * Asks something that is answered by one frame, on the link of a room or on any.
   * @param {ClientFrame} frame @param {string} [room]
   * @returns {Promise<ServerFrame>} an `error` with the code "unreachable" if nobody can be asked or answers
   */
  request(frame, room) {
    const link = room === undefined ? this.#links.get(this.#machine.usable[0] ?? -1) : this.#on(room);
    if (!link) return Promise.resolve(UNREACHABLE);
    return new Promise((resolve) => {
      const id = this.#ask(link, frame);
      this.#replies.set(id, { link, resolve });
      setTimeout(() => this.#reply(id, UNREACHABLE), ANSWER_MS);
    });
  }

  /** @param {number} id @param {ServerFrame} frame */
  #reply(id, frame) {
    this.#replies.get(id)?.resolve(frame);
    this.#replies.delete(id);
  }

  /** @param {string} room @param {boolean} on */
  typing(room, on) {
    this.#on(room)?.transport.send(typing(room, on));
  }

  /** Tells how far we have read; false if nobody can be told. @param {string} room @param {string} position */
  read(room, position) {
    const link = this.#on(room);
    link?.transport.send(read(room, position));
    return link !== null;
  }

  /** @param {string} room */
  askMembers(room) {
    this.#ask(this.#on(room), members(room));
  }

  /** Asks for what lies before our oldest entry; returns false when nobody can be asked now. @param {string} name */
  loadOlder(name) {
    const room = this.#parts.store.rooms.get(name);
    const link = this.#on(name);
    if (!room || !link || room.loading || !room.more) return false;
    this.#parts.store.apply({ type: "@loading", room: name, on: true });
    this.#ask(link, history(name, room.before));
    return true;
  }

  /** Sends the next unsent message of a room, if the room is caught up on some link. One at a time keeps the order.
   * Where we are shut out nothing can be sent, and the messages say so instead of waiting for ever.
   * @param {string} room */
  flush(room) {
    dropMoot(this.#parts, room);
    const { store, unsent, now } = this.#parts;
    const why = store.rooms.get(room)?.why ?? "";
    if (why !== "") return unsent.refuse(room, why);
    if (now() < this.#pausedUntil) return;
    const id = this.#machine.usable.find((link) => this.#links.get(link)?.ready.has(room));
    const item = id === undefined ? null : unsent.next(room);
    if (!item || id === undefined) return;
    unsent.sending(item, id);
    this.#ask(this.#links.get(id), deedFrame(room, item.key, item.text, item.deed));
  }

  /** To be called about once a second: repeats what got no answer and what was told to wait. */
  housekeep() {
    const { unsent } = this.#parts;
    unsent.expire();
    for (const room of unsent.rooms) {
      // What a join brings tells the fate of old sends; on a link that stays open it has to be asked for.
      if (unsent.isStuck(room)) this.#rejoin(room);
      this.flush(room);
    }
    const { open: room } = this.#parts.store;
    if (!room?.doubtful || !this.#on(room.name)) return;
    room.doubtful = false;
    const load = async () => (await import("./read_again.js")).readAgain(this, room);
    void load().catch(() => (room.doubtful = true));
  }

  /** Sends a frame under an id, by which an error that answers it is understood.
   * @param {OpenLink | null | undefined} link @param {ClientFrame} frame */
  #ask(link, frame) {
    this.#lastId += 1;
    if (!link) return this.#lastId;
    this.#asked.set(this.#lastId, frame);
    link.transport.send({ ...frame, id: this.#lastId });
    // Frames on a lost link are never answered; without this their number would only grow.
    for (const id of this.#asked.keys()) {
      if (this.#asked.size <= 500) break;
      this.#asked.delete(id);
    }
    return this.#lastId;
  }

  /** The best link on which a room is caught up. @param {string} room */
  #on(room) {
    for (const id of this.#machine.usable) {
      const link = this.#links.get(id);
      if (link?.ready.has(room)) return link;
    }
    return null;
  }

  /** @param {import("./reconnect.js").Step[]} steps */
  #run(steps) {
    for (const step of steps) {
      if (step.do === "open") this.#open(step.link, step.over);
      else if (step.do === "close") this.#drop(step.link);
      else this.#links.get(step.link)?.transport.send(ping());
    }
    this.#schedule();
    this.dispatchEvent(new CustomEvent("status"));
  }

  #schedule() {
    clearTimeout(this.#timer);
    const now = this.#parts.now();
    const at = this.#machine.nextTick(now);
    if (at === null) return;
    const tick = () => this.#run(this.#machine.tick(this.#parts.now()));
    this.#timer = setTimeout(tick, Math.max(1, at - now));
  }

  /** @param {number} id @param {"websocket" | "long_poll"} over */
  #open(id, over) {
    const transport = this.#parts.open(over, {
      onframe: (frame) => apart(() => this.#receive(id, frame)),
      gather: (deliver) => this.#parts.store.gather(deliver),
      onroom: (room) => apart(() => this.#caughtUp(id, room)),
      onclose: (ending) => {
        this.#forget(id);
        this.#run(this.#machine.closed(id, this.#parts.now(), ending));
      },
    });
    this.#links.set(id, { transport, greeted: false, ready: new Set(), refused: new Set() });
  }

  /** @param {number} id */
  #drop(id) {
    this.#links.get(id)?.transport.close();
    this.#forget(id);
  }

  /** @param {number} id */
  #forget(id) {
    const lost = this.#links.get(id);
    if (!this.#links.delete(id)) return;
    const { store, unsent } = this.#parts;
    for (const [asked, { link }] of this.#replies) if (link === lost) this.#reply(asked, UNREACHABLE);
    unsent.linkLost(id);
    // A question asked on this link stays without an answer, so the next scroll may ask again.
    for (const room of store.rooms.values()) {
      if (room.loading) store.apply({ type: "@loading", room: room.name, on: false });
    }
    for (const room of unsent.rooms) this.flush(room);
  }

  /** @param {number} id @param {ServerFrame} frame */
  #receive(id, frame) {
    const now = this.#parts.now();
    this.#machine.heard(id, now);
    if ("id" in frame && frame.type !== "error") this.#asked.delete(Number(frame.id));
    if (frame.type === "hello") this.#greet(id, frame);
    else if (frame.type === "move") this.#run(this.#machine.move(id, now, frame.within_ms));
    else if (frame.type === "ack") this.#acked(frame);
    else if (frame.type === "error") this.#failed(id, frame);
    else this.#parts.store.apply(frame);
    if ("id" in frame) this.#reply(Number(frame.id), frame);
  }

  /** @param {number} id @param {import("./protocol.js").HelloFrame} frame */
  #greet(id, frame) {
    const { store } = this.#parts;
    const link = this.#links.get(id);
    if (!link) return;
    if (store.me && frame.user.id !== store.me.id) {
      this.dispatchEvent(new CustomEvent("stranger"));
      return;
    }
    const isNewBuild = store.build !== "" && store.build !== frame.build;
    store.apply(frame);
    // A poll that lost its name gets a second hello. Its requests name the rooms anyway, so nothing is joined anew.
    if (link.greeted) return;
    this.#run(this.#machine.hello(id, this.#parts.now(), frame));
    if (isNewBuild && this.#machine.blocked) this.#run(this.#machine.tryNow(this.#parts.now()));
    if (!this.#links.has(id)) return;
    link.greeted = true;
    const names = [...store.rooms.values()].filter((room) => !room.closed).map((room) => room.name);
    names.sort((a, b) => Number(b === store.current) - Number(a === store.current));
    for (const room of names) this.#joinOn(link, room);
    this.#checkReady(id, link);
  }

  /** @param {OpenLink} link @param {string} name */
  #joinOn(link, name) {
    const { store, unsent } = this.#parts;
    const from = unsent.replayFrom(name);
    if (from !== null) store.apply({ type: "@resume", room: name, position: from });
    this.#ask(link, join(name, store.rooms.get(name)?.position ?? null));
  }

  /** @param {number} id @param {string} name */
  #caughtUp(id, name) {
    const { store, unsent } = this.#parts;
    const link = this.#links.get(id);
    const room = store.rooms.get(name);
    if (!link || !room) return;
    link.ready.add(name);
    link.refused.delete(name);
    unsent.settle(name, (after) => room.isCompleteSince(after));
    if (name === store.current && room.version === null) this.askMembers(name);
    this.#checkReady(id, link);
    this.flush(name);
  }

  /** @param {number} id @param {OpenLink} link */
  #checkReady(id, link) {
    for (const room of this.#parts.store.rooms.values()) {
      if (!room.closed && !link.ready.has(room.name) && !link.refused.has(room.name)) return;
    }
    this.#run(this.#machine.ready(id, this.#parts.now()));
  }

  /** @param {import("./protocol.js").AckFrame} frame */
  #acked({ room, key, position, at }) {
    const { store, unsent } = this.#parts;
    const item = unsent.list(room).find((candidate) => candidate.key === key);
    if (item && store.rooms.get(room)?.isLost(position)) {
      // The marker that took it was faster than its ack.
      unsent.again(key);
      this.flush(room);
      return;
    }
    if (item && store.me) store.apply(deedDone(item, store.me, position, at));
    this.#stored({ key, room, position });
  }

  /** @param {{ key: string, room: string, position: string }} message */
  #stored({ key, room, position }) {
    if (this.#parts.unsent.acked(key, position)) this.flush(room);
  }

  /** @param {number} id @param {ErrorFrame} frame */
  #failed(id, frame) {
    const asked = this.#asked.get(Number(frame.id));
    this.#asked.delete(Number(frame.id));
    const room = String(frame.room ?? frame.id);
    if (asked && "key" in asked) this.#sendFailed(asked.key, frame);
    else if (asked?.type === "join") this.#joinFailed(id, asked.room, frame);
    else if (asked?.type === "history") this.#parts.store.apply({ type: "@loading", room: asked.room, on: false });
    // A poll joins by naming rooms, so its errors name the room instead of a frame.
    else if (asked === undefined && this.#parts.store.rooms.has(room)) this.#joinFailed(id, room, frame);
    // Whatever else the server cannot do right now is tried again, and no news: the connection works, and what one
    // writes says itself that it is still being sent.
  }

  /** @param {string} key @param {ErrorFrame} frame */
  #sendFailed(key, { code, retry_after_ms: pause }) {
    const { unsent, now } = this.#parts;
    const room = unsent.roomOf(key);
    if (!RETRYABLE.has(code)) {
      unsent.failed(key, code);
      if (room !== null) this.flush(room);
      return;
    }
    // The same key again, after the pause; `housekeep` does it.
    const until = now() + (pause ?? 1_000);
    if (code === "rate_limited" && unsent.holdChanges(key, until)) {
      if (room !== null) this.flush(room);
      return;
    }
    this.#pausedUntil = Math.max(this.#pausedUntil, until);
    unsent.again(key);
    if (code === "not_member") this.#rejoin(room);
  }

  /** The room has to be joined again before anything is sent: the server does not know us as a member, say.
   * @param {string | null} room */
  #rejoin(room) {
    if (room === null || this.#parts.store.rooms.get(room)?.closed !== false) return;
    for (const link of this.#links.values()) {
      if (link.ready.delete(room)) this.#joinOn(link, room);
    }
  }

  /** @param {number} id @param {string} room @param {ErrorFrame} frame */
  #joinFailed(id, room, { code, retry_after_ms: pause }) {
    const link = this.#links.get(id);
    if (!link || !this.#parts.store.rooms.has(room)) return;
    if (RETRYABLE.has(code)) {
      setTimeout(() => {
        if (this.#links.get(id) === link && this.#parts.store.rooms.has(room)) this.#joinOn(link, room);
      }, pause ?? 2_000);
      return;
    }
    link.refused.add(room);
    link.ready.delete(room);
    // On another link the server may have told us already, and better, that the room was closed.
    if (!this.#parts.store.rooms.get(room)?.closed) this.#parts.store.apply({ type: "@refused", room, code });
    this.#checkReady(id, link);
  }
}

/** @param {EventTarget} target @param {string} type @param {(detail: any) => void} act */
function listen(target, type, act) {
  target.addEventListener(type, (event) => act(/** @type {CustomEvent} */ (event).detail));
}

/** One frame that we stumble over must not end the link, which has others. @param {() => void} act */
function apart(act) {
  try {
    act();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
