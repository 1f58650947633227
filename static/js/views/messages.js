// The conversation: a window of at most 200 rows over everything the room holds. It follows the end only while the
// reader is there, and keeps the row they look at in place when something changes above or below.

import { byTarget, withDeeds } from "../deeds.js";
import { messageAt } from "../fold.js";
import { button, element, handOn, hide, reconcile, setText } from "../lib/dom.js";
import { perFrame } from "../lib/timing.js";
import { isOwn, mentions } from "../mention.js";
import { comparePositions } from "../position.js";
import { isDirect, isPrivate } from "../protocol.js";
import { strings } from "../strings.js";
import { beginsFurtherUp } from "../unread.js";
import { dividedKey, rowsSince } from "./divider.js";
import { foldMuted } from "./folding.js";
import { createRow, paintRow, toRows } from "./message_row.js";

/**
 * @typedef {import("./message_row.js").Source} Source
 * @typedef {{ loadOlder: (room: string) => boolean, retry: (key: string) => void, remove: (key: string) => void,
 *   attend: (atEnd: boolean) => void }} Actions
 * @typedef {{ text: Element, below: number }} Place
 */

/** With what belongs to them and the rest of the page, fewer than 3,000 nodes. */
const MOST_ROWS = 200;
const STEP = 60;
/** Closer to the end than this, the reader counts as being at the end. */
const NEAR_PX = 80;
/** Closer to an edge than this, the window moves or history is asked for. */
const EDGE_PX = 600;
/** No row is lower than this. */
const ROW_PX = 22;

export class MessagesView {
  #store;
  #unsent;
  #actions;
  #scroller = element("scroller");
  #list = element("messages");
  #note = element("history-note");
  #jump = button("jump");
  #jumpText = element("jump-text");
  /** @type {Map<string, HTMLElement>} */ #nodes = new Map();
  #room = "";
  #rows = MOST_ROWS;
  /** The first row's key, by which it is found again when the list grows. */ #startKey = "";
  /** The last row's key while the window has left the end; null while it ends at the latest. @type {string | null} */
  #endKey = null;
  /** Folds that one has opened. @type {Set<string>} */ #opened = new Set();
  /** What there is to draw, until something changes: a reader far up scrolls over ten thousand. @type {Source[] | null} */
  #listed = null;
  /** How many changes of the room that knows of. */ #listedAt = -1;
  #news = 0;
  #wasAtEnd = true;
  #sizes = { content: 0, view: 0, width: 0, top: 0 };
  /** Where the reader was last, away from the end. @type {Place | null} */ #place = null;
  /** The reader has moved up, be it by a little: nothing pulls them back. */ #released = false;
  /** Somebody changes a message, which has to stay under their hands. @type {() => boolean} */ isEditing = () => false;
  /** The message one is on the way to; until then nothing that was loaded for it is let go. */ goal = "";

  /** @param {import("../store.js").Store} store @param {import("../unsent.js").Unsent} unsent @param {Actions} actions */
  constructor(store, unsent, actions) {
    this.#store = store;
    this.#unsent = unsent;
    this.#actions = actions;
    store.isFollowing = () => this.#wasAtEnd && this.goal === "";
    const render = perFrame(() => this.#render());
    const renderIfOpen = (/** @type {Event} */ event) => {
      if (/** @type {CustomEvent} */ (event).detail === store.current) render();
    };
    store.addEventListener("room", renderIfOpen);
    unsent.addEventListener("change", (event) => {
      this.#listed = null;
      renderIfOpen(event);
    });
    store.addEventListener("message", (event) => this.#count(/** @type {CustomEvent} */ (event).detail));
    this.#scroller.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    this.#list.addEventListener("click", (event) => this.#onClick(event));
    this.#jump.addEventListener("click", () => this.jump());
    new ResizeObserver(() => this.settle()).observe(this.#scroller);
  }

  /** Shows another room, from its end. @param {string} room */
  open(room) {
    if (room === this.#room) return;
    this.#room = room;
    this.#rows = this.#fewRows();
    this.#listed = null;
    this.#opened.clear();
    this.#nodes.clear();
    this.#list.replaceChildren();
    this.jump();
    // What one missed is drawn as a whole, if that is not too much, so that one can go to where it begins.
    const unread = rowsSince(this.#sources(), this.#store.open?.divider ?? null);
    if (unread > this.#rows) {
      this.#rows = Math.min(unread, MOST_ROWS);
      this.#draw();
      this.#toEnd();
    }
  }

  /** Goes to the latest message. */
  jump() {
    this.#endKey = null;
    this.#released = false;
    this.#rows = Math.min(this.#rows, this.#fewRows());
    this.#news = 0;
    this.#store.apply({ type: "@trim", room: this.#room });
    this.#draw();
    this.#toEnd();
  }

  #render() {
    this.#expectWidth();
    if (this.#follows()) {
      // However long one listens, no more is kept than a reader at the end needs.
      if (this.#store.open?.isLong) this.#store.apply({ type: "@trim", room: this.#room });
      this.#drawEnd();
    } else {
      // Both in one step: history above the very first row takes its day away, and at the top of the scroller there
      // would be no room to make up for that until the rows above are drawn.
      this.#keepPlace(() => {
        if (this.#endKey === null) this.#holdStart();
        this.#slide();
        this.#draw();
      });
      this.#afterChange();
    }
  }

  /** Draws what a reader at the end sees, who may have a larger view than before. */
  #drawEnd() {
    this.#rows = Math.max(this.#rows, this.#fewRows());
    this.#draw();
    this.#toEnd();
  }

  /** For a reader further up: new rows at the end must not push out the ones they have. Beyond the most rows allowed,
   * the new ones wait below the window. */
  #holdStart() {
    const sources = this.#sources();
    const start = sources.findIndex((source) => source.key === this.#startKey);
    if (start < 0) return;
    this.#rows = Math.min(MOST_ROWS, Math.max(this.#fewRows(), sources.length - start));
    this.#setEnd(sources, start + this.#rows);
  }

  #sources() {
    const changes = this.#store.open?.changes ?? -1;
    if (changes !== this.#listedAt) this.#listed = null;
    this.#listedAt = changes;
    return (this.#listed ??= this.#gather());
  }

  /** Rows of the room, then what is unsent; the unsent ones stay below everything until they have a position. */
  #gather() {
    const { me, open: room } = this.#store;
    /** @type {Source[]} */
    const sources = [];
    const seen = new Set();
    const unsent = this.#unsent.list(this.#room);
    const deeds = byTarget(unsent);
    for (const stored of room?.entries ?? []) {
      const waiting = stored.kind === "message" && deeds.size > 0 ? (deeds.get(stored.position) ?? []) : [];
      const outlook = stored.kind === "message" && me ? withDeeds(stored, waiting, me) : null;
      const entry = outlook?.entry ?? stored;
      // Our own message keeps the key it had while unsent, so its node stays and only changes its look.
      const own = entry.kind === "message" && entry.from.id === me?.id ? `k:${entry.key}` : "";
      const isOwn = own !== "" && !seen.has(own);
      if (isOwn) seen.add(own);
      const at = entry.kind === "gap" ? (sources.at(-1)?.at ?? 0) : entry.at;
      const quoted = entry.kind === "message" ? this.#quoted(entry.reply_to) : null;
      const mentioned = entry.kind === "message" ? namesOf(room, entry, me) : "";
      const key = isOwn ? own : `${entry.kind}:${entry.position}`;
      sources.push({ key, entry, unsent: null, at, deed: outlook?.item ?? null, quoted, mentioned });
    }
    for (const item of unsent) {
      const key = `k:${item.key}`;
      if (item.deed.kind !== "send" || seen.has(key)) continue;
      const quoted = this.#quoted(item.deed.reply_to);
      sources.push({ key, entry: null, unsent: item, at: item.at, deed: null, quoted, mentioned: "" });
    }
    return foldMuted(sources, this.#store.isMuted, this.#opened);
  }

  /** What is answered; words of somebody one has muted come back in no quote. @param {string | undefined} position */
  #quoted(position) {
    const message = messageAt(this.#store.open, position);
    return message && this.#store.isMuted(message.from) ? null : message;
  }

  #draw() {
    const { me, open: room } = this.#store;
    if (me === null) return;
    const sources = this.#sources();
    const end = this.#endOf(sources);
    const start = Math.max(0, end - this.#rows);
    this.#startKey = sources[start]?.key ?? "";
    const rows = toRows(sources.slice(start, end), sources[start - 1] ?? null, me, Date.now());
    const divided = room && !beginsFurtherUp(room) ? dividedKey(sources, room.divider, me.id) : "";
    for (const row of rows) row.divided = row.key === divided;
    reconcile(this.#list, this.#nodes, rows, {
      key: (row) => row.key,
      create: createRow,
      update: (node, row) => paintRow(node, row, room),
    });
    this.#drawNote(start === 0, sources.length);
  }

  /** @param {boolean} atStart @param {number} length */
  #drawNote(atStart, length) {
    const room = this.#store.open;
    let note = "";
    if (room?.loading) note = strings["messages.loading"];
    else if (room && room.position !== null && !room.more && atStart) {
      note = length === 0 ? this.#emptyNote(room) : strings["messages.start"](room.title);
    }
    setText(this.#note, note);
  }

  /** A link leads nobody into a room that is not for everybody. @param {import("../room.js").Room} room */
  #emptyNote({ name, title }) {
    if (isDirect(name)) return strings["messages.emptyDirect"](title);
    return strings[isPrivate(name) ? "messages.emptyPrivate" : "messages.empty"](title);
  }

  /** @param {Source[]} sources */
  #endOf(sources) {
    if (this.#endKey === null) return sources.length;
    const index = sources.findIndex((source) => source.key === this.#endKey);
    return index < 0 ? sources.length : index + 1;
  }

  #onScroll() {
    this.#expectWidth();
    // The browser tells late that we have scrolled: meanwhile the view may have got another size, or much may have come
    // that is drawn only now.
    this.#noteDirection();
    const follows = this.#follows();
    if (this.#slide()) this.#keepPlace(() => this.#draw());
    if (follows && this.#endKey === null && !this.#isAtEnd()) this.#toEnd();
    else this.#afterChange();
  }

  /** Moves the window when the reader is close to one of its edges; true when it has to be drawn. Where the window
   * cannot go further up, history is asked for. */
  #slide() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    const sources = this.#sources();
    const end = this.#endOf(sources);
    const start = Math.max(0, end - this.#rows);
    if (scrollTop < EDGE_PX && start > 0) {
      const rows = Math.min(this.#rows + STEP, end);
      this.#rows = Math.min(rows, MOST_ROWS);
      if (rows > MOST_ROWS) this.#setEnd(sources, end - (rows - MOST_ROWS));
      return true;
    }
    if (scrollTop < EDGE_PX) this.#actions.loadOlder(this.#room);
    if (scrollHeight - scrollTop - clientHeight < EDGE_PX && end < sources.length) {
      this.#setEnd(sources, end + STEP);
      this.#rows = MOST_ROWS;
      return true;
    }
    return false;
  }

  /** @param {Source[]} sources @param {number} end */
  #setEnd(sources, end) {
    this.#endKey = end >= sources.length ? null : (sources[end - 1]?.key ?? null);
  }

  /** Settles what depends on where the reader is now. */
  #afterChange() {
    const isNear = this.#endKey === null && this.#isAtEnd();
    // Who has moved up by a little stays there, and what comes below is not read by that.
    const atEnd = isNear && !this.#stays();
    if (atEnd) {
      this.#news = 0;
      // Back at the end, the rows far above are let go again.
      if (!this.#wasAtEnd) this.#rows = Math.min(this.#rows, this.#fewRows() + STEP);
    }
    this.#wasAtEnd = atEnd;
    this.#actions.attend(atEnd);
    hide(this.#jump, isNear && this.#news === 0, this.#scroller);
    setText(this.#jumpText, this.#news > 0 ? strings["messages.jumpCount"](this.#news) : strings["messages.jump"]);
    this.#jump.classList.toggle("has-news", this.#news > 0);
    this.#remember();
    if (this.#scroller.clientHeight > 0) this.#place = atEnd ? null : this.#look();
    this.#fill();
  }

  /** A conversation shorter than the view has nothing to scroll, so it asks for history by itself. */
  #fill() {
    const { scrollHeight, clientHeight } = this.#scroller;
    const room = this.#store.open;
    if (clientHeight > 0 && scrollHeight <= clientHeight + 1 && room?.joined) this.#actions.loadOlder(this.#room);
  }

  /** After the phone's keyboard, a longer draft, another window size or the change of a message: stays at the end, or at
   * what one reads. */
  settle() {
    const follows = this.#follows();
    this.#sizes.view = this.#scroller.clientHeight;
    if (follows) return this.#drawEnd();
    this.#goBack(this.#place);
    this.#afterChange();
  }

  /** The browser tells of another width when it has drawn; until then, what is in view is not what one reads. */
  #expectWidth() {
    if (this.#scroller.clientWidth !== this.#sizes.width) this.settle();
  }

  /** True while the reader is at the end. A change of size, of which the browser tells when it has drawn, is no reader
   * who scrolls up: so the place is judged by the sizes before it, too. */
  #follows() {
    return this.#endKey === null && !this.#stays() && (this.#isAtEnd() || this.#wasNearEnd());
  }

  /** What is in view stays there, also close to the end. */
  #stays() {
    return this.#released || this.isEditing();
  }

  /** Whoever moves up means to leave the end, and whoever comes down to it means to stay. What moves while something
   * changes its size is no reader. */
  #noteDirection() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    const { content, view, top } = this.#sizes;
    const fromEnd = scrollHeight - clientHeight - scrollTop;
    if (fromEnd <= 1 || (scrollTop > top && fromEnd < NEAR_PX)) this.#released = false;
    else if (scrollHeight === content && clientHeight === view && scrollTop < top - 1) this.#released = true;
  }

  /** As many rows as a reader at the end needs, who gets new ones all the time: the view is full, and some are above it. */
  #fewRows() {
    return Math.min(MOST_ROWS, Math.ceil((this.#sizes.view + EDGE_PX) / ROW_PX));
  }

  #isAtEnd() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight < NEAR_PX;
  }

  #wasNearEnd() {
    return this.#sizes.content - this.#scroller.scrollTop - this.#sizes.view < NEAR_PX;
  }

  #remember() {
    const { scrollHeight: content, clientHeight: view, clientWidth: width, scrollTop: top } = this.#scroller;
    this.#sizes = { content, view, width, top };
  }

  #toEnd() {
    this.#scroller.scrollTo({ top: this.#scroller.scrollHeight, behavior: "instant" });
    this.#afterChange();
  }

  /**
   * Changes the rows while the first visible text stays where it is. The text is the anchor and not its row, because
   * older neighbours can take the name or the day above it away.
   * @param {() => void} change
   */
  #keepPlace(change) {
    const place = this.#look();
    change();
    this.#goBack(place);
    this.#remember();
  }

  /** Where the reader is: the first text in view, and how far it is below the upper edge. @returns {Place | null} */
  #look() {
    const { top } = this.#scroller.getBoundingClientRect();
    const row = [...this.#list.children].find((node) => node.getBoundingClientRect().bottom > top);
    const text = row?.querySelector(".text, .remark-text");
    return text ? { text, below: text.getBoundingClientRect().top - top } : null;
  }

  /** @param {Place | null} place */
  #goBack(place) {
    // Nothing has a place while the conversation is out of sight.
    if (!place?.text.isConnected || this.#scroller.clientHeight === 0) return;
    const drift = place.text.getBoundingClientRect().top - this.#scroller.getBoundingClientRect().top - place.below;
    if (Math.abs(drift) > 0.5) this.#scroller.scrollTo({ top: this.#scroller.scrollTop + drift, behavior: "instant" });
  }

  /** How a message of this room looks, with what waits to be done to it. @param {string} position */
  look(position) {
    const entry = this.#sources().find((source) => source.entry?.position === position)?.entry;
    return entry?.kind === "message" ? entry : null;
  }

  /** The message below the line "new", drawn or not; undefined if the page has none. */
  firstUnread() {
    const { me, open: room } = this.#store;
    const sources = this.#sources();
    const key = dividedKey(sources, room?.divider ?? null, me?.id ?? "");
    return sources.find((source) => source.key === key)?.entry?.position;
  }

  /** Brings a message of this room into view; null if the page does not have it. @param {string} position
   * @param {ScrollLogicalPosition} [block] @returns {HTMLElement | null} its row */
  reveal(position, block = "center") {
    const isIt = (/** @type {Source} */ { entry }) => entry?.kind === "message" && entry.position === position;
    let sources = this.#sources();
    if (!sources.some(isIt)) {
      if (!messageAt(this.#store.open, position)) return null;
      // Somebody wrote it whom one has muted.
      const fold = sources.findLast(({ entry }) => entry?.kind === "folded" && comparePositions(entry.position, position) <= 0);
      this.#opened.add(fold?.key ?? "");
      this.#listed = null;
      sources = this.#sources();
      this.#draw();
    }
    const index = sources.findIndex(isIt);
    const find = () => [...this.#list.children].find((row) => /** @type {HTMLElement} */ (row).dataset["position"] === position);
    if (!find()) {
      this.#rows = MOST_ROWS;
      this.#setEnd(sources, Math.min(sources.length, index + MOST_ROWS / 2));
    }
    // Also what has changed since the last frame, as it would move the row again.
    this.#draw();
    const row = /** @type {HTMLElement | undefined} */ (find());
    row?.scrollIntoView({ block, behavior: "instant" });
    this.#afterChange();
    return row ?? null;
  }

  /** @param {import("../store.js").MessageDetail} detail */
  #count({ room, message, news }) {
    if (!news || room !== this.#room || message.from.id === this.#store.me?.id || this.#store.isMuted(message.from)) return;
    // Measuring here would lay the page out once per message of a burst.
    if (!this.#wasAtEnd) this.#news += 1;
  }

  /** @param {Event} event */
  #onClick(event) {
    const target = event.target instanceof Element ? event.target.closest("button") : null;
    const row = target?.closest("li");
    // Each of these goes away when it is pressed.
    if (target?.matches(".show-folded, .retry, .delete")) handOn(target, this.#scroller);
    if (target?.classList.contains("show-folded")) {
      this.#opened.add(row?.dataset["row"] ?? "");
      this.#listed = null;
      this.#render();
      return;
    }
    const key = row?.dataset["key"] ?? "";
    if (!target || key === "") return;
    if (target.classList.contains("retry")) this.#actions.retry(key);
    else if (target.classList.contains("delete")) this.#actions.remove(key);
  }
}

/** The names of those a message mentions, one per line, as far as the page knows them.
 * @param {import("../room.js").Room | null} room @param {import("../room.js").MessageEntry} entry
 * @param {import("../protocol.js").User | null} me */
function namesOf(room, entry, me) {
  if (!entry.mentions?.length) return me && mentions(entry, me) ? me.name : "";
  const names = entry.mentions.map((id) => {
    if (me && isOwn(id, me)) return me.name;
    return room?.members.get(id) ?? room?.names.get(id) ?? room?.people.find((user) => user.id === id)?.name ?? authorName(room, id);
  });
  return names.filter((name) => name !== "").join("\n");
}

/** @param {import("../room.js").Room | null} room @param {string} id */
function authorName(room, id) {
  const entry = room?.entries.findLast((each) => each.kind === "message" && each.from.id === id);
  return entry?.kind === "message" ? entry.from.name : "";
}
