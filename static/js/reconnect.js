// Decides which links to open, keep and close: a state machine without clock, socket or random source of its own.
// Every method takes the time and returns the steps the caller has to carry out, so a simulator can run it for years.
//
// There are three places for a link. `socket` is the WebSocket in use or being opened, `successor` the second
// WebSocket while the server asks us to move, `poll` the long-poll that stands in where WebSocket does not work.
// They may overlap freely, because all of them read one numbered log and the store drops what it already has.

import { CLOSE } from "./protocol.js";
import { TIMES, backoff, blockedPause, restartPause, silenceLimit } from "./liveness.js";

/**
 * @typedef {{ id: number, up: boolean, ready: boolean, openedAt: number, upAt: number, heardAt: number,
 *   probedAt: number | null, instance: string, silence: number }} Link
 * @typedef {{ code?: number, reason?: string, status?: number, retryMs?: number | null }} Ending why a link ended: a
 *   WebSocket close code, or the HTTP status (0 for no answer at all) with the pause the server asked for
 * @typedef {{ do: "open", link: number, over: "websocket" | "long_poll" } | { do: "close", link: number }
 *   | { do: "ping", link: number }} Step
 * @typedef {"signed_out" | "forbidden" | "protocol"} HaltReason
 * @typedef {{ kind: "up" | "quiet", slow: boolean } | { kind: "connecting" } | { kind: "offline" }
 *   | { kind: "waiting", at: number } | { kind: "halted", why: HaltReason }} Status
 */

export class Reconnect {
  /** @type {Link | null} */ socket = null;
  /** @type {Link | null} */ successor = null;
  /** @type {Link | null} */ poll = null;
  /** True once this network let a WebSocket through; a later failure is then no sign of blocking. */
  everWorked = false;
  /** True while HTTP works and WebSocket does not. */
  blocked;
  /** @type {HaltReason | null} */ halted = null;

  /** @type {() => number} */ #random;
  /** @type {Step[]} */ #steps = [];
  #nextId = 1;
  #online = true;
  /** @type {number | null} */ #downSince = null;
  /** @type {number | null} */ #slowSince = null;
  /** @type {number | null} */ #socketAt = null;
  /** @type {number | null} */ #pollAt = null;
  /** @type {number | null} */ #successorAt = null;
  /** @type {number | null} */ #moveUntil = null;
  #failures = 0; // drives the backoff
  #refusals = 0; // sockets that ended before hello while HTTP answered
  #shortLives = 0;
  #pollFailures = 0;
  #blockedStep = 0;
  #pollWanted = false;

  /** @param {{ random: () => number, blocked?: boolean }} options `blocked`: what an earlier page of this tab found */
  constructor({ random, blocked = false }) {
    this.#random = random;
    this.blocked = blocked;
  }

  /** @param {number} now */
  start(now) {
    this.#downSince = now;
    this.halted = null;
    if (this.blocked) {
      this.#wantPoll(now);
      this.#socketAt = now + blockedPause(0);
    } else {
      this.#openSocket(now);
    }
    return this.#take();
  }

  /** Ends everything, as on signing out. @param {number} now */
  stop(now) {
    this.#closeAll();
    this.#downSince = now;
    return this.#take();
  }

  /**
   * A link got its `hello`: only now it counts as up, since proxies accept sockets they drop at once.
   * @param {number} id @param {number} now @param {{ instance?: string, heartbeat_ms?: number }} frame
   */
  hello(id, now, frame) {
    const link = this.#find(id);
    if (!link) return this.#take();
    link.heardAt = now;
    link.instance = frame.instance ?? "";
    link.silence = silenceLimit(frame.heartbeat_ms);
    if (link === this.successor && this.socket?.up && link.instance !== "" && link.instance === this.socket.instance) {
      this.#dropSuccessor(now);
      return this.#take();
    }
    if (!link.up) {
      link.up = true;
      link.upAt = now;
    }
    if (link === this.poll) this.#pollUp(now);
    else this.#socketUp();
    this.#downSince = null;
    return this.#take();
  }

  /** Every room is joined and caught up on this link. @param {number} id @param {number} now */
  ready(id, now) {
    const link = this.#find(id);
    if (!link?.up) return this.#take();
    link.ready = true;
    if (link === this.successor) {
      if (this.socket) this.#close(this.socket);
      this.socket = link;
      this.successor = null;
      this.#moveUntil = this.#successorAt = null;
    }
    if (link === this.socket) {
      this.#pollWanted = false;
      this.#pollAt = null;
      if (this.poll) this.#close(this.poll);
      this.poll = null;
      this.#slowSince = null;
    }
    this.#noteDown(now);
    return this.#take();
  }

  /** Any frame arrived. @param {number} id @param {number} now */
  heard(id, now) {
    const link = this.#find(id);
    if (link) {
      link.heardAt = now;
      link.probedAt = null;
    }
    return this.#take();
  }

  /** @param {number} id @param {number} now @param {Ending} ending */
  closed(id, now, ending) {
    const link = this.#find(id);
    if (!link) return this.#take();
    const why = haltReason(ending);
    if (why) this.#halt(why, now);
    else if (link === this.poll) this.#pollLost(now, ending);
    else if (link === this.successor) this.#retrySuccessor(now);
    else this.#socketLost(link, now, ending);
    this.#noteDown(now);
    return this.#take();
  }

  /** The server is about to leave: open a second socket and keep the first. @param {number} id @param {number} now
   * @param {number} withinMs */
  move(id, now, withinMs) {
    if (this.socket?.id !== id || this.#moveUntil !== null) return this.#take();
    this.#moveUntil = now + withinMs;
    this.successor = this.#open(now, "websocket");
    return this.#take();
  }

  /** The browser says that there is no network. It may be wrong or early, so a socket that still answers is kept.
   * @param {number} now */
  offline(now) {
    this.#online = false;
    this.#refusals = 0;
    this.#probe(now);
    this.#noteDown(now);
    return this.#take();
  }

  /** @param {number} now */
  online(now) {
    this.#online = true;
    this.#refusals = 0;
    return this.#wakeUp(now);
  }

  /** The page became visible again, or the clock jumped: trust nothing that was not heard lately. @param {number} now */
  wake(now) {
    return this.#wakeUp(now);
  }

  /** The user pressed "try now", or a new version may have changed the network. @param {number} now */
  tryNow(now) {
    if (this.halted) {
      this.halted = null;
      this.#downSince = now;
    }
    this.#attempt(now);
    return this.#take();
  }

  /** Carries out whatever is due. @param {number} now */
  tick(now) {
    if (this.halted) return this.#take();
    this.#tickSocket(now);
    this.#tickSuccessor(now);
    if (due(this.#pollAt, now)) this.#openPoll(now);
    return this.#take();
  }

  /** When `tick` or `status` next has something new to say, or null. @param {number} now */
  nextTick(now) {
    const { socket, successor } = this;
    const slow = upcoming(this.#slowSince, now);
    const loud = upcoming(this.#downSince, now);
    return earliest([
      this.#socketAt,
      this.#pollAt,
      this.#successorAt,
      slow,
      loud,
      socket && deadline(socket),
      socket && !socket.up && !this.poll && !this.#pollWanted ? socket.openedAt + TIMES.hedge : null,
      successor && deadline(successor),
    ]);
  }

  /** What to tell the user. @param {number} now @returns {Status} */
  status(now) {
    if (this.halted) return { kind: "halted", why: this.halted };
    if (this.socket?.up || this.successor?.up) return { kind: "up", slow: false };
    // A poll that breaks and is back at once is no news either.
    const slow = this.#slowSince !== null && now - this.#slowSince >= TIMES.quiet;
    if (this.poll?.up) return { kind: "up", slow };
    if (this.#downSince !== null && now - this.#downSince < TIMES.quiet) return { kind: "quiet", slow };
    if (!this.#online) return { kind: "offline" };
    const at = earliest([this.#socketAt, this.#pollAt]);
    return this.socket || this.poll || at === null ? { kind: "connecting" } : { kind: "waiting", at };
  }

  /** Links to send on, the best one first. */
  get usable() {
    return [this.socket, this.successor, this.poll].flatMap((link) => (link?.up ? [link.id] : []));
  }

  /** @param {number} now @param {"websocket" | "long_poll"} over @returns {Link} */
  #open(now, over) {
    const id = this.#nextId++;
    this.#steps.push({ do: "open", link: id, over });
    return {
      id, up: false, ready: false, openedAt: now, upAt: 0, heardAt: now, probedAt: null, instance: "",
      silence: TIMES.silence,
    };
  }

  /** @param {Link} link */
  #close(link) {
    this.#steps.push({ do: "close", link: link.id });
  }

  /** @param {number} now */
  #openSocket(now) {
    this.#socketAt = null;
    if (!this.socket) this.socket = this.#open(now, "websocket");
  }

  /** @param {number} now */
  #openPoll(now) {
    this.#pollAt = null;
    if (!this.poll) this.poll = this.#open(now, "long_poll");
  }

  /** @param {number} now */
  #wantPoll(now) {
    this.#pollWanted = true;
    if (!this.poll && this.#pollAt === null) this.#openPoll(now);
  }

  #socketUp() {
    this.everWorked = true;
    this.blocked = false;
    this.#refusals = 0;
    this.#blockedStep = 0;
    this.#socketAt = null;
  }

  /** @param {number} now */
  #pollUp(now) {
    this.#pollFailures = 0;
    if (!this.socket?.up) this.#slowSince ??= now;
    // HTTP answers while the socket does not: that is what blocking looks like, so stop knocking every few seconds.
    if (!this.everWorked && this.#refusals > 0 && !this.socket) {
      this.blocked = true;
      this.#socketAt = now + blockedPause(this.#blockedStep);
    }
  }

  /** @param {Link} link @param {number} now @param {Ending} ending */
  #socketLost(link, now, ending) {
    this.socket = null;
    if (this.successor) {
      this.socket = this.successor;
      this.successor = null;
      this.#moveUntil = this.#successorAt = null;
      return;
    }
    this.#moveUntil = this.#successorAt = null;
    if (link.up) {
      const settled = now - link.upAt >= TIMES.settled;
      this.#failures = settled ? 0 : this.#failures;
      this.#shortLives = settled ? 0 : this.#shortLives + 1;
    } else {
      this.#refusals += 1;
    }
    const standIn = link.up ? this.#shortLives >= 3 : !this.everWorked || this.#refusals >= 2;
    if (standIn) this.#wantPoll(now);
    this.#socketAt = now + this.#socketPause(link, ending);
    this.#failures += 1;
  }

  /** @param {Link} link @param {Ending} ending */
  #socketPause(link, ending) {
    const hint = ending.code === CLOSE.restart ? restartPause(ending.reason, this.#random()) : null;
    if (hint !== null) return hint;
    if (!link.up && !this.everWorked && this.poll?.up) {
      this.blocked = true;
      return blockedPause(this.#blockedStep++);
    }
    // An overloaded server or a spent allowance is not helped by a try within the first second.
    const crowded = ending.code === CLOSE.overload || ending.code === CLOSE.rate;
    return backoff(crowded ? Math.max(this.#failures, 4) : this.#failures, this.#random());
  }

  /** @param {number} now @param {Ending} ending */
  #pollLost(now, ending) {
    this.poll = null;
    if (!this.#pollWanted && this.socket?.up) return;
    if (ending.status === 0) this.#refusals = 0; // without any answer this is an outage, not a blocked socket
    const pause = ending.retryMs ?? backoff(this.#pollFailures++, this.#random());
    this.#pollAt = now + pause;
    if (this.#socketAt !== null) this.#socketAt = Math.min(this.#socketAt, this.#pollAt);
  }

  /** @param {number} now */
  #dropSuccessor(now) {
    if (this.successor) this.#close(this.successor);
    this.#retrySuccessor(now);
  }

  /** @param {number} now */
  #retrySuccessor(now) {
    this.successor = null;
    const at = now + 500 + Math.round(this.#random() * 1_000);
    // Once the window is over the server closes the old socket with its own hint, and that path takes over.
    if (this.#moveUntil !== null && at < this.#moveUntil) this.#successorAt = at;
    else this.#moveUntil = this.#successorAt = null;
  }

  /** @param {number} now */
  #tickSocket(now) {
    const { socket } = this;
    if (!socket) {
      if (due(this.#socketAt, now)) this.#openSocket(now);
      return;
    }
    if (!socket.up && now - socket.openedAt >= TIMES.hedge) this.#wantPoll(now);
    if (now < deadline(socket)) return;
    // A half-open socket may never report its end, so it is declared lost here and its late events are ignored.
    this.#close(socket);
    const probed = socket.probedAt !== null;
    this.#socketLost(socket, now, {});
    if (probed) this.#attempt(now);
    this.#noteDown(now);
  }

  /** @param {number} now */
  #tickSuccessor(now) {
    if (this.successor && now >= deadline(this.successor)) this.#dropSuccessor(now);
    if (due(this.#successorAt, now) && this.socket) {
      this.#successorAt = null;
      this.successor = this.#open(now, "websocket");
    }
  }

  /** @param {number} now */
  #wakeUp(now) {
    if (this.halted) return this.#take();
    if (!this.socket?.up) this.#attempt(now);
    else if (now - this.socket.heardAt > TIMES.stale) this.#probe(now);
    return this.#take();
  }

  /** Asks the socket for a sign of life. @param {number} now */
  #probe(now) {
    const { socket } = this;
    if (!socket?.up || socket.probedAt !== null) return;
    socket.probedAt = now;
    this.#steps.push({ do: "ping", link: socket.id });
  }

  /** Tries at once, without waiting for the backoff. @param {number} now */
  #attempt(now) {
    this.#openSocket(now);
    if (this.#pollWanted || this.#pollAt !== null) this.#openPoll(now);
  }

  /** @param {HaltReason} why @param {number} now */
  #halt(why, now) {
    this.#closeAll();
    this.halted = why;
    this.#downSince = now;
  }

  #closeAll() {
    for (const link of [this.socket, this.successor, this.poll]) if (link) this.#close(link);
    this.socket = this.successor = this.poll = null;
    this.#socketAt = this.#pollAt = this.#successorAt = this.#moveUntil = this.#slowSince = null;
    this.#failures = this.#refusals = this.#shortLives = this.#pollFailures = 0;
    this.#pollWanted = false;
  }

  /** @param {number} now */
  #noteDown(now) {
    const up = this.socket?.up || this.successor?.up || this.poll?.up;
    if (up) this.#downSince = null;
    else this.#downSince ??= now;
    if (this.poll?.up && !this.socket?.up) this.#slowSince ??= now;
  }

  /** @param {number} id */
  #find(id) {
    return [this.socket, this.successor, this.poll].find((link) => link?.id === id) ?? null;
  }

  #take() {
    const steps = this.#steps;
    this.#steps = [];
    return steps;
  }
}

/** @param {Ending} ending @returns {HaltReason | null} */
function haltReason({ code, status }) {
  if (code === CLOSE.session_over || status === 401) return "signed_out";
  if (code === CLOSE.forbidden || status === 403) return "forbidden";
  return code !== undefined && code >= CLOSE.protocol && code < CLOSE.forbidden ? "protocol" : null;
}

/** When a WebSocket must be given up unless something arrives. @param {Link} link */
function deadline(link) {
  if (!link.up) return link.openedAt + TIMES.giveUp;
  const silent = link.heardAt + link.silence;
  return link.probedAt === null ? silent : Math.min(silent, link.probedAt + TIMES.probe);
}

/** @param {number | null} at @param {number} now */
function due(at, now) {
  return at !== null && now >= at;
}

/** The end of the quiet time that began at `since`, unless it is over. @param {number | null} since @param {number} now */
function upcoming(since, now) {
  return since !== null && since + TIMES.quiet > now ? since + TIMES.quiet : null;
}

/** @param {(number | null)[]} times */
function earliest(times) {
  return times.reduce((a, b) => (b === null ? a : a === null ? b : Math.min(a, b)), null);
}
