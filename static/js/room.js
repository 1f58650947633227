// One room as the page knows it: its entries in the order of the log, who is here, and how far we have read.
// Plain data with the few rules that keep it right; the store decides when to use them.

import { isPrivate } from "./protocol.js";
import { START, comparePositions, later } from "./position.js";
import { strings } from "./strings.js";

/**
 * @typedef {import("./protocol.js").User} User
 * @typedef {{ kind: "message", position: string, key: string, from: User, text: string, at: number, lost?: Lost,
 *   reply_to?: string, edited?: number, deleted?: boolean, reactions?: import("./protocol.js").Reaction[],
 *   mentions?: string[] }} MessageEntry
 * @typedef {{ since: number, hopeless: boolean }} Lost the server lost it in an outage: its sender may still be restoring
 *   it, or that took too long
 * @typedef {{ kind: "gap", position: string, from: string, to: string }} GapEntry `position` is where it is shown
 * @typedef {{ kind: "notice", position: string, text: string, at: number }} NoticeEntry
 * @typedef {{ kind: "closed", position: string, at: number, why: string }} ClosedEntry
 * @typedef {{ kind: "invited", position: string, at: number, by: User, user: User }} InvitedEntry
 * @typedef {{ kind: "departed", position: string, at: number, user: User }} DepartedEntry
 * @typedef {MessageEntry | GapEntry | NoticeEntry | ClosedEntry | InvitedEntry | DepartedEntry} Entry
 */

const UNTITLED = "…";
/** Entries kept while the reader is at the end; more come back from the server when they scroll up. */
const KEEP = 1_000;
/** How long we wait for senders to restore what an outage took. */
export const RESTORE_MS = 30_000;
/** Names kept of people, the latest. */
const NAMES = 1_000;
/** How many markers are remembered, to judge an ack that comes after the marker which took its message. */
const MARKERS = 20;

export class Room {
  title = "";
  /** Another number after every change, so that who has drawn it knows whether there is something new to draw. */ changes = 0;
  /** @type {Entry[]} */ entries = [];
  /** @type {string | null} */ position = null;
  /** From here on we hold everything; null before the first join. @type {string | null} */ coveredFrom = null;
  /** Where history is known to be missing. @type {{ from: string, to: string }[]} */ holes = [];
  /** The end of the log as the last join told it; ours once its last page is in. */ head = START;
  /** Older messages may exist on the server. */ more = true;
  /** How far back history has been looked at, if beyond our oldest message. @type {string | null} */ lookedTo = null;
  loading = false;
  /** @type {Map<string, string>} */ members = new Map();
  /** Who was here, too: they may be mentioned in what was said. @type {Map<string, string>} */ names = new Map();
  /** Null until a `members` frame came; diffs mean nothing without one. @type {number | null} */ version = null;
  count = 0;
  /** @type {Map<string, { name: string, until: number }>} */ typing = new Map();
  /** Messages of others that we have not read, and those among them that mention us; see unread.js. */ unread = 0;
  mentions = 0;
  /** We were let in while looking elsewhere, which calls like one mention. */ invited = false;
  /** Nobody calls us by it: we made it ourselves, on some page of ours, or somebody let us in whom we have muted. */
  uncalled = false;
  /** Somebody has just begun it for the two of us: what is in it when we come is news. */ unheard = false;
  /** Up to where we have read; null while nobody has told. @type {string | null} */ read = null;
  /** The server keeps how far we have read. */ sharesRead = false;
  /** The line "new" stands above the first message of others after this. @type {string | null} */ divider = null;
  joined = false;
  /** Whose room it is, for a private or direct one. @type {User[]} */ people = [];
  /** The latest changes of messages, oldest first. @type {import("./fold.js").Fold[]} */ folds = [];
  /** The messages these are about, as they are without them; null where the page has none. @type {Map<string, MessageEntry | null>} */
  bases = new Map();
  /** The server lost something, perhaps of what messages look like: they have to be read again. */ doubtful = false;
  /** Why we are not in it and do not ask again by ourselves: "room_closed", or the code of a refusal. */ why = "";
  /** Oldest first. @type {{ position: string, prev: string }[]} */ #markers = [];
  /** Some entry is marked as lost. */ #anyLost = false;

  /** @param {string} name */
  constructor(name) {
    this.name = name;
    // The name of a private room says nothing to anybody; its title comes with the first answer.
    this.title = isPrivate(name) ? UNTITLED : name;
  }

  /** @param {User[]} users who are here */
  meet(users) {
    for (const { id, name } of users) {
      this.members.set(id, name);
      this.names.delete(id);
      this.names.set(id, name);
    }
    for (const id of this.names.keys()) {
      if (this.names.size <= NAMES) break;
      this.names.delete(id);
    }
  }

  /** True when everything after `position` has been seen, so that a key not found is a message not stored.
   * @param {string} position */
  isCompleteSince(position) {
    if (this.coveredFrom === null || comparePositions(position, this.coveredFrom) < 0) return false;
    return this.holes.every(({ from, to }) =>
      isForward(from, to) ? comparePositions(to, position) <= 0 : comparePositions(from, position) < 0,
    );
  }

  /** Puts an entry at its place; returns false when it was there already. @param {Entry} entry */
  insert(entry) {
    if (this.#anyLost && entry.kind === "message" && !entry.lost) this.#replaceLost(entry);
    let at = this.entries.length;
    while (at > 0 && compareEntries(/** @type {Entry} */ (this.entries[at - 1]), entry) > 0) at -= 1;
    const before = this.entries[at - 1];
    if (before && compareEntries(before, entry) === 0) {
      this.entries[at - 1] = entry;
      return false;
    }
    this.entries.splice(at, 0, entry);
    return true;
  }

  /** The `at` of many entries at once, oldest first, for history: one merge instead of many searches.
   * @param {Entry[]} older */
  prepend(older) {
    const first = this.entries[0];
    const fresh = first ? older.filter((entry) => compareEntries(entry, first) < 0) : older;
    this.entries.unshift(...fresh);
  }

  /** Makes the first join replay everything after `position` instead of the latest few. @param {string} position */
  resumeFrom(position) {
    if (this.position !== null) return;
    this.position = this.coveredFrom = position;
  }

  /** @param {string} position */
  advance(position) {
    this.position = later(this.position, position);
  }

  /** History between two positions no longer exists. When even the log's head lies before ours, the whole log is gone
   * and we begin anew from there. @param {string} from @param {string} to */
  lose(from, to) {
    this.holes.push({ from, to });
    this.insert({ kind: "gap", position: isForward(from, to) ? to : from, from, to });
    // What `joined` said of the head was about the log that is gone.
    if (!isForward(from, to)) this.position = this.head = to;
  }

  /**
   * A new epoch begins. Returns our own messages that the server had and does not have any more; we may know of them
   * only by their acks, so that nothing seemed to be missing.
   * @param {string} position @param {string} prev @param {string} me @param {number} now
   */
  mark(position, prev, me, now) {
    if (!this.#markers.some((marker) => marker.position === position)) this.#markers.push({ position, prev });
    if (this.#markers.length > MARKERS) this.#markers.shift();
    const mine = this.#takeBack(prev, position, me, now);
    this.advance(position);
    return mine;
  }

  /** True for a position that an earlier loss of the server took. @param {string} position */
  isLost(position) {
    return this.#markers.some(
      (marker) => comparePositions(position, marker.prev) > 0 && comparePositions(position, marker.position) < 0,
    );
  }

  /**
   * Everything above a position is gone. Returns our own messages among it, for sending them again. A second link may
   * tell the same rollback after the new epoch has begun; then everything from its marker, `until`, is real and stays.
   * @param {string} after @param {string} me @param {number} now
   */
  rollBack(after, me, now) {
    const until = this.#markers.findLast((marker) => marker.prev === after)?.position ?? null;
    const mine = this.#takeBack(after, until, me, now);
    if (until === null) {
      this.position = after;
      if (comparePositions(this.head, after) > 0) this.head = after;
    }
    return { mine, until };
  }

  /** The rest of the wait for the senders: true when some entry was given up. @param {number} now */
  giveUpLost(now) {
    let changed = false;
    if (!this.#anyLost) return changed;
    this.entries = this.entries.map((entry) => {
      if (entry.kind !== "message" || !entry.lost || entry.lost.hopeless) return entry;
      if (now - entry.lost.since < RESTORE_MS) return entry;
      changed = true;
      return { ...entry, lost: { ...entry.lost, hopeless: true } };
    });
    return changed;
  }

  /**
   * Our own lost messages go out of the room, because the list of unsent ones shows them from now on; those of others
   * stay, marked, until their senders have restored them.
   * @param {string} after @param {string | null} end @param {string} me @param {number} now
   */
  #takeBack(after, end, me, now) {
    /** @type {MessageEntry[]} */
    const mine = [];
    this.entries = this.entries.flatMap((entry) => {
      const isReal = comparePositions(entry.position, after) <= 0
        || (end !== null && comparePositions(entry.position, end) >= 0);
      if (isReal || (entry.kind === "message" && entry.lost)) return [entry];
      if (entry.kind !== "message") return [];
      if (entry.from.id === me) {
        mine.push(entry);
        return [];
      }
      this.#anyLost = true;
      return [{ ...entry, lost: { since: now, hopeless: false } }];
    });
    return mine;
  }

  /** A message that came again takes the place of its lost self. @param {MessageEntry} entry */
  #replaceLost({ key, from }) {
    this.entries = this.entries.filter(
      (old) => !(old.kind === "message" && old.lost && old.key === key && old.from.id === from.id),
    );
    this.#anyLost = this.entries.some((old) => old.kind === "message" && old.lost);
  }

  /** We are out. What was said stays to be read, with the reason below it. @param {string} why @param {string} position
   * @param {number} at */
  shut(why, position, at) {
    this.why = why;
    if (this.title === UNTITLED) this.title = strings["rooms.untitled"];
    this.joined = false;
    this.version = null;
    this.members.clear();
    this.typing.clear();
    this.count = 0;
    this.insert({ kind: "closed", position, at, why });
  }

  /** We want in again, or are. An earlier refusal is no part of the log, so its row goes. */
  reopen() {
    this.why = "";
    this.entries = this.entries.filter((entry) => entry.kind !== "closed" || entry.why === "room_closed");
  }

  get closed() {
    return this.why !== "";
  }

  /** There are more entries than are kept for a reader at the end. */
  get isLong() {
    return this.entries.length > KEEP + 100;
  }

  /** Forgets the oldest entries beyond what is kept. */
  trim() {
    if (!this.isLong) return;
    this.entries.splice(0, this.entries.length - KEEP);
    this.more = true;
    this.lookedTo = null;
    this.coveredFrom = this.oldest;
  }

  /** Where history has to be asked from. A stretch of the log may hold no messages. @returns {string | null} */
  get before() {
    return this.lookedTo ?? this.oldest;
  }

  /** @returns {string | null} */
  get oldest() {
    return this.entries[0]?.position ?? null;
  }

  get newest() {
    return this.entries.at(-1)?.position ?? START;
  }
}

/** @param {string} from @param {string} to */
function isForward(from, to) {
  return comparePositions(from, to) < 0;
}

/** A gap sorts just before the entry that ends it, or after the last one, as does the end of a room. @param {Entry} a
 * @param {Entry} b */
function compareEntries(a, b) {
  return comparePositions(a.position, b.position) || rank(a) - rank(b);
}

/** @param {Entry} entry */
function rank(entry) {
  if (entry.kind === "gap") return entry.position === entry.to ? -1 : 1;
  return entry.kind === "closed" ? 2 : 0;
}
