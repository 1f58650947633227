// Carries frames over plain HTTP where WebSocket does not get through: one held request brings what happened since
// our positions, another one carries our frames. Any instance may answer either of them, because the positions in the
// next request are the acknowledgement; a lost answer costs nothing.

/**
 * @typedef {import("../protocol.js").ServerFrame} ServerFrame
 * @typedef {import("../protocol.js").ClientFrame} ClientFrame
 * @typedef {import("./websocket.js").Callbacks} Callbacks
 * @typedef {import("./websocket.js").Transport} Transport
 * @typedef {string | null | { after: string, presence_version: number }} RoomCursor
 * @typedef {{
 *   fetch: typeof fetch,
 *   sleep: (ms: number, signal: AbortSignal) => Promise<void>,
 *   cursor: (room: string) => RoomCursor,
 *   hidden: () => boolean,
 *   now: () => number,
 * }} Surroundings
 */

const HOLD_MS = 25_000;
const ABORT_MS = 35_000;
/** A hidden page takes no held request: browsers allow six connections per host, and many tabs would use them up. */
const HIDDEN_PAUSE_MS = 30_000;
/** An answer without news that comes sooner than this would make a tight loop. */
const FLOOR_MS = 500;
/** Statuses that speak about the frames themselves: asking again would get the same answer. */
const REFUSED = new Set([400, 413, 415]);
const BATCH_FRAMES = 16;
const BATCH_CHARS = 16_000;

/** @implements {Transport} */
export class LongPollTransport {
  /** @type {Callbacks | null} */ #callbacks;
  /** @type {Surroundings} */ #around;
  /** @type {Set<string>} */ #rooms = new Set();
  /** @type {Set<string>} */ #reported = new Set();
  /** @type {ClientFrame[]} */ #queue = [];
  #posting = false;
  #ended = new AbortController();
  /** Ends the wait of the poll under way, so that the next one names other rooms. */
  #turn = new AbortController();
  #polls = 0;
  /** @type {string | undefined} */ #connection;
  /** @type {string | undefined} */ #control;

  /** @param {Callbacks} callbacks @param {Surroundings} around */
  constructor(callbacks, around) {
    this.#callbacks = callbacks;
    this.#around = around;
    void this.#pollOnAndOn();
  }

  /** @param {ClientFrame} frame */
  send(frame) {
    if (frame.type === "join") {
      this.#rooms.add(frame.room);
      this.#reported.delete(frame.room);
      this.#turn.abort();
    } else if (frame.type === "leave") {
      this.#rooms.delete(frame.room);
      this.#callbacks?.onframe({ type: "left", room: frame.room, id: frame.id });
      this.#turn.abort();
    } else if (frame.type !== "ping") {
      this.#queue.push(frame);
      void this.#post();
    }
  }

  /** The page is visible again: ask at once instead of after the long pause of a hidden page. */
  wake() {
    this.#turn.abort();
  }

  /** The session is over, and no poll of this tab may be under way that would notice. As nobody, so that it can do nothing
   * to a session that goes on. */
  farewell() {
    if (!this.#connection) return;
    const body = JSON.stringify({ connection: this.#connection, rooms: {}, hold_ms: 0 });
    const headers = { "content-type": "application/json" };
    this.#around.fetch("/api/v1/poll", { method: "POST", headers, body, credentials: "omit", keepalive: true }).catch(() => {});
  }

  close() {
    this.#callbacks = null;
    this.#ended.abort();
    this.#turn.abort();
  }

  async #pollOnAndOn() {
    while (this.#callbacks) {
      this.#turn = new AbortController();
      const turn = this.#turn.signal;
      const pause = await this.#pollOnce(turn);
      if (pause > 0 && this.#callbacks && !turn.aborted) await this.#around.sleep(pause, turn);
    }
  }

  /** One question and its answer; returns how long to wait before the next. @param {AbortSignal} turn */
  async #pollOnce(turn) {
    const rooms = [...this.#rooms];
    // A room counts as caught up with an answer that names it, so the first question about it must not be held.
    const settled = rooms.length > 0 && rooms.every((room) => this.#reported.has(room));
    const hold = settled && !this.#around.hidden() ? HOLD_MS : 0;
    const asked = this.#around.now();
    const answer = await this.#request("/api/v1/poll", turn, {
      connection: this.#connection,
      rooms: Object.fromEntries(rooms.map((room) => [room, this.#around.cursor(room)])),
      control: this.#control,
      hold_ms: hold,
      // One that was given up may arrive after the next: the server tells them apart by this.
      turn: ++this.#polls,
    });
    if (!answer || !this.#callbacks) return 0;
    if (typeof answer.control === "string") this.#control = answer.control;
    const trouble = this.#deliver(answer.frames);
    if (trouble > 0) return trouble;
    if (answer.more) return 0;
    // A room that still has no position was left out of the answer. The next poll asks for it again.
    const waiting = rooms.filter((room) => this.#rooms.has(room) && this.#around.cursor(room) === null);
    for (const room of rooms) if (!waiting.includes(room)) this.#report(room);
    if (this.#around.hidden()) return HIDDEN_PAUSE_MS;
    if (waiting.length > 0) return FLOOR_MS;
    // Without rooms there is nothing to hold for; joining one ends the pause.
    if (hold === 0) return rooms.length > 0 ? 0 : HIDDEN_PAUSE_MS;
    const quick = answer.frames.length === 0 && this.#around.now() - asked < FLOOR_MS;
    return quick ? FLOOR_MS : 0;
  }

  /** Hands the frames over; returns the pause that an error about the whole poll asks for. @param {unknown[]} frames */
  #deliver(frames) {
    let trouble = 0;
    this.#callbacks?.gather(() => {
      for (const value of frames) {
        const frame = /** @type {ServerFrame} */ (value);
        if (frame.type === "hello") this.#connection = frame.connection ?? "";
        if (endsRoom(frame)) this.#rooms.delete(frame.room);
        else if (endsPoll(frame)) trouble = frame.retry_after_ms || 1_000;
        if (frame.type !== "ok" && !isLate(frame)) this.#callbacks?.onframe(frame);
      }
    });
    return trouble;
  }

  /** @param {string} room */
  #report(room) {
    if (this.#reported.has(room) || !this.#rooms.has(room)) return;
    this.#reported.add(room);
    this.#callbacks?.onroom(room);
  }

  /** Sends what is queued, one request at a time, so that frames keep their order. */
  async #post() {
    if (this.#posting) return;
    this.#posting = true;
    while (this.#callbacks && this.#queue.length > 0) {
      const frames = this.#nextBatch();
      const answer = await this.#request("/api/v1/frames", null, { connection: this.#connection || undefined, frames });
      if (answer) this.#deliver(answer.refused ? frames.map((frame) => refusal(frame, answer.refused)) : answer.frames);
    }
    this.#posting = false;
  }

  #nextBatch() {
    const frames = [];
    let size = 0;
    while (this.#queue.length > 0 && frames.length < BATCH_FRAMES) {
      const next = /** @type {ClientFrame} */ (this.#queue[0]);
      size += JSON.stringify(next).length;
      if (frames.length > 0 && size > BATCH_CHARS) break;
      frames.push(next);
      this.#queue.shift();
    }
    return frames;
  }

  /**
   * One POST. Null when the turn was ended by us; every other failure ends the link, and the state machine decides
   * what to do next from the status and the pause the server asked for.
   * @param {string} path @param {AbortSignal | null} turn @param {object} body
   * @returns {Promise<{ frames: unknown[], more?: boolean, control?: unknown, refused?: any } | null>}
   */
  async #request(path, turn, body) {
    const limit = new AbortController();
    const abort = () => limit.abort();
    const timer = setTimeout(abort, ABORT_MS);
    turn?.addEventListener("abort", abort);
    this.#ended.signal.addEventListener("abort", abort);
    if (turn?.aborted || this.#ended.signal.aborted) abort();
    try {
      const response = await this.#around.fetch(path, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
        cache: "no-store",
        signal: limit.signal,
      });
      const text = await response.text();
      if (!turn && REFUSED.has(response.status)) return { frames: [], refused: readError(text) };
      const away = response.status === 504 ? readError(text) : null;
      if (away?.code === "unavailable") {
        // The store is away, and this link is not: HAProxy's own 504 says "timeout". Waiting here is as good as anywhere.
        return turn ? { frames: [{ ...away, type: "error" }] } : { frames: [], refused: away };
      }
      if (!response.ok) {
        this.#end({ status: response.status, retryMs: retryPause(response, text) });
        return null;
      }
      const answer = JSON.parse(text);
      return Array.isArray(answer.frames) ? answer : { ...answer, frames: [] };
    } catch {
      if (!turn?.aborted && !this.#ended.signal.aborted) this.#end({ status: 0 });
      return null;
    } finally {
      clearTimeout(timer);
      turn?.removeEventListener("abort", abort);
      this.#ended.signal.removeEventListener("abort", abort);
    }
  }

  /** @param {import("../reconnect.js").Ending} ending */
  #end(ending) {
    const callbacks = this.#callbacks;
    this.close();
    callbacks?.onclose(ending);
  }
}

/**
 * Whether a room is over for us: it was closed, or it cannot be followed. Naming it in the next poll would only bring
 * the same answer again; whoever wants to try again joins it again. @param {ServerFrame} frame
 * @returns {frame is ServerFrame & { room: string }}
 */
function endsRoom(frame) {
  if (frame.type === "room_closed") return true;
  return frame.type === "error" && frame.id === undefined && frame.room !== undefined && frame.code !== "unavailable";
}

/**
 * Whether a poll was not answered at all, so that its rooms are no further than before. @param {ServerFrame} frame
 * @returns {frame is import("../protocol.js").ErrorFrame}
 */
function endsPoll(frame) {
  return frame.type === "error" && (frame.code === "unavailable" || isLate(frame));
}

/** A poll that came after a later one of ours is told so. The later one has the answer, so nobody needs to hear of it.
 * @param {ServerFrame} frame */
function isLate(frame) {
  return frame.type === "error" && frame.code === "bad_field" && frame.id === undefined && frame.room === undefined;
}

/** The `error` frame for one frame of a refused request. @param {ClientFrame} frame @param {any} error */
function refusal(frame, error) {
  return { type: "error", id: "id" in frame ? frame.id : undefined, code: error.code, message: error.message };
}

/** The error an answer carries. An intermediary's error page is no JSON and gives none. @param {string} text */
function readError(text) {
  try {
    return JSON.parse(text).error ?? {};
  } catch {
    return { code: "bad_field", message: "" };
  }
}

/** The pause named by the error's body or by the header of whoever stands in between. @param {Response} response
 * @param {string} text @returns {number | null} */
function retryPause(response, text) {
  const pause = readError(text).retry_after_ms;
  if (typeof pause === "number") return pause;
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : null;
}
