// Everything the page knows about the server's world. Views read it and listen to it; `apply(frame)` is the only way
// to change it, for frames from the network and for the page's own ones, whose types begin with "@".

import { adopt, applyDone, applyFold, unfold } from "./fold.js";
import { START, comparePositions, later } from "./position.js";
import { adoptDirectory, applyCreated, applyDeparted, applyForgotten, applyInvited, applyRoomAdded, describe, keepOthers } from "./private.js";
import { Room } from "./room.js";
import { addUnread, beginReading, moveRead, placeDivider, recount } from "./unread.js";

/**
 * @typedef {import("./protocol.js").ServerFrame} ServerFrame
 * @typedef {import("./protocol.js").User} User
 * @typedef {import("./protocol.js").MessageFrame} MessageFrame
 * @typedef {import("./room.js").Entry} Entry
 * @typedef {{ name: string, title: string, count: number, private?: boolean, direct?: boolean, people?: User[] }}
 *   DirectoryRoom
 * @typedef {{ type: "@user", user: User | null } | { type: "@want", room: string } | { type: "@drop", room: string }
 *   | { type: "@refused", room: string, code: string }
 *   | { type: "@open", room: string } | { type: "@directory", rooms: DirectoryRoom[] } | { type: "@time" }
 *   | { type: "@loading", room: string, on: boolean } | { type: "@sent", message: MessageFrame }
 *   | { type: "@done", room: string, fold: import("./fold.js").Fold }
 *   | { type: "@trim", room: string } | { type: "@resume", room: string, position: string }
 *   | { type: "@attend", on: boolean } | { type: "@muted" }} PageFrame
 * @typedef {{ room: string, by: User, text: string }} InvitedDetail `text` says it in words
 * @typedef {{ room: string, message: MessageFrame, news: boolean }} MessageDetail `news` is false for history and acks
 * @typedef {{ room: string, after: string, until: string | null, messages: { room: string, key: string, text: string,
 *   position: string, deed: import("./protocol.js").Deed }[] }} LostDetail `messages` are our own
 *
 * Events: "room" {detail: name} something in that room changed; "message" {detail: MessageDetail} a message that was
 * not there before, live or replayed; "rooms" the lists or counts changed; "lost" {detail: LostDetail} the log
 * ends at `after`, up to where a new epoch begins; "closed" {detail: name} we are no longer in that room;
 * "folded" {detail: FoldFrame} a message was changed; "added" {detail: name} a private or direct room is ours to join;
 * "invited" {detail: InvitedDetail} somebody let us into a private room;
 * "forgotten" {detail: name} we left one for good;
 * "members_needed" {detail: name}; "hello"; "notice" {detail: text}; "read" {detail: name} we have read further, here.
 */

const TYPING_MS = 6_000;
/** Events of which the last one says what those before it did. */
const GATHERED = new Set(["room", "rooms", "read"]);

export class Store extends EventTarget {
  /** @type {User | null} */ me = null;
  /** @type {import("./protocol.js").Limits | null} */ limits = null;
  build = "";
  protocol = 1;
  /** Rooms we are or want to be in, in the order they were joined. @type {Map<string, Room>} */ rooms = new Map();
  /** @type {DirectoryRoom[]} */ directory = [];
  /** Private and direct rooms we left for good. @type {Set<string>} */ forgotten = new Set();
  /** @type {string | null} */ current = null;
  /** Somebody looks at the end of the open room, so what comes there is read at once. */ attending = true;
  /** Set by the app; messages of such people are not news. @type {(user: User) => boolean} */ isMuted = () => false;
  /** Set by the view; true while nobody looks further up in the open room. @type {() => boolean} */ isFollowing = () => false;
  /** How far we had read when we were here last. @type {(room: string) => string | null} */ recallRead = () => null;
  /** What was told while frames are gathered. @type {Map<string, { type: string, detail: unknown }> | null} */ #gathered = null;
  #changes = 0;
  /** @type {() => number} */ #now;

  /** @param {() => number} [now] */
  constructor(now = Date.now) {
    super();
    this.#now = now;
  }

  /** @param {ServerFrame | PageFrame} frame */
  apply(frame) {
    const apply = APPLY[frame.type];
    if (apply) apply(this, /** @type {any} */ (frame), this.#now());
  }

  /** How a poll names our place in a room: null asks for a fresh join. @param {string} name
   * @returns {import("./transport/long_poll.js").RoomCursor} */
  cursor(name) {
    const room = this.rooms.get(name);
    if (!room || room.position === null) return null;
    return { after: room.position, presence_version: room.version ?? 0 };
  }

  /** The room on screen, if any. */
  get open() {
    return this.current === null ? null : (this.rooms.get(this.current) ?? null);
  }

  /** @param {string} type @param {unknown} [detail] */
  tell(type, detail) {
    const room = type === "room" ? this.rooms.get(String(detail)) : undefined;
    if (room) room.changes = this.#changes += 1;
    if (this.#gathered !== null && GATHERED.has(type)) this.#gathered.set(`${type} ${detail}`, { type, detail });
    else this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** Frames that came together are told as one, as far as they only say that something is to be drawn anew.
   * @param {() => void} deliver */
  gather(deliver) {
    if (this.#gathered !== null) return deliver();
    const gathered = (this.#gathered = new Map());
    try {
      deliver();
    } finally {
      this.#gathered = null;
      for (const { type, detail } of gathered.values()) this.dispatchEvent(new CustomEvent(type, { detail }));
    }
  }
}

/** One short function per type of frame; types without one change nothing here.
 * @type {Record<string, (store: Store, frame: any, now: number) => void>} */
const APPLY = {
  hello: applyHello,
  joined: applyJoined,
  page: applyPage,
  message: applyMessage,
  edited: applyChange,
  deleted: applyChange,
  reacted: applyChange,
  created: applyCreated,
  room_added: applyRoomAdded,
  invited: applyInvited,
  departed: applyDeparted,
  forgotten: applyForgotten,
  history: applyHistory,
  members: applyMembers,
  presence: applyPresence,
  typing: applyTyping,
  epoch: applyEpoch,
  gap: applyGap,
  rollback: applyRollback,
  notice: applyNotice,
  read: (store, frame) => inRoom(store, frame.room, (room) => {
    if (moveRead(room, frame.position, store)) store.tell("rooms");
  }),
  room_closed: applyClosed,
  left: (store, frame) => inRoom(store, frame.room, (room) => (room.joined = false)),
  "@user": (store, frame) => {
    keepOthers(store);
    store.me = frame.user;
    store.tell("rooms");
  },
  "@want": (store, frame) => {
    if (store.rooms.has(frame.room)) inRoom(store, frame.room, (room) => room.reopen());
    else store.rooms.set(frame.room, new Room(frame.room));
    store.tell("rooms");
  },
  "@refused": (store, frame, now) => shut(store, frame.room, frame.code, null, now),
  "@drop": (store, frame) => {
    store.rooms.delete(frame.room);
    if (store.current === frame.room) store.current = null;
    store.tell("rooms");
  },
  "@open": (store, frame) => {
    store.current = frame.room;
    inRoom(store, frame.room, (room) => visit(store, room));
    store.tell("rooms");
  },
  "@directory": (store, frame) => {
    store.directory = frame.rooms;
    adoptDirectory(store);
    store.tell("rooms");
  },
  "@time": passTime,
  "@loading": (store, frame) => inRoom(store, frame.room, (room) => (room.loading = frame.on)),
  "@sent": (store, frame) => inRoom(store, frame.message.room, (room) => addSent(store, room, frame.message)),
  "@done": (store, frame) => inRoom(store, frame.room, (room) => applyDone(room, frame.fold)),
  "@resume": (store, frame) => inRoom(store, frame.room, (room) => room.resumeFrom(frame.position)),
  "@attend": applyAttend,
  "@muted": (store) => {
    for (const room of store.rooms.values()) inRoom(store, room.name, (each) => recount(each, store));
    store.tell("rooms");
  },
  "@trim": (store, frame) => inRoom(store, frame.room, (room) => room.trim()),
};

/** @param {Store} store @param {string} name @param {(room: Room) => void} change */
function inRoom(store, name, change) {
  const room = store.rooms.get(name);
  if (!room) return;
  change(room);
  store.tell("room", name);
}

/** @param {Store} store @param {import("./protocol.js").HelloFrame} frame */
function applyHello(store, frame) {
  store.limits = frame.limits ?? null;
  store.build = frame.build ?? "";
  store.protocol = frame.protocol;
  store.tell("hello");
}

/** @param {Store} store @param {import("./protocol.js").JoinedFrame} frame */
function applyJoined(store, frame) {
  inRoom(store, frame.room, (room) => {
    const fresh = room.position === null;
    describe(room, frame, store.me);
    room.joined = true;
    room.reopen();
    room.count = frame.count;
    room.head = frame.head;
    // Diffs may have been missed while we were away, so the list of members counts as unknown again.
    room.version = null;
    if (fresh) {
      room.coveredFrom = frame.messages[0]?.position ?? frame.head;
      // An older server does not say.
      room.more = frame.older ?? (frame.messages.length > 0 || frame.head !== START);
    }
    const begins = fresh || room.read === null;
    room.read ??= store.recallRead(room.name);
    const isFirst = room.read === null && (frame.read ?? START) === START;
    room.sharesRead = typeof frame.read === "string";
    moveRead(room, frame.read ?? null, store);
    addMessages(store, room, frame.messages, !fresh || room.unheard);
    room.unheard = false;
    // While pages follow, our position is the last message we have; the head would skip the rest after a cut.
    if (!frame.more) {
      if (frame.recovered || fresh) room.advance(frame.head);
      else room.position = frame.head;
    }
    if (!begins) return;
    if (beginReading(room, store, isFirst)) store.tell("read", room.name);
    if (store.current === room.name) visit(store, room);
  });
  store.tell("rooms");
  store.tell("members_needed", frame.room);
}

/** @param {Store} store @param {import("./protocol.js").PageFrame} frame */
function applyPage(store, frame) {
  inRoom(store, frame.room, (room) => {
    addMessages(store, room, frame.messages, true);
    if (!frame.more) room.advance(room.head);
  });
}

/** @param {Store} store @param {MessageFrame} frame */
function applyMessage(store, frame) {
  inRoom(store, frame.room, (room) => addMessages(store, room, [frame], true));
}

/** @param {Store} store @param {import("./fold.js").FoldFrame} frame */
function applyChange(store, frame) {
  inRoom(store, frame.room, (room) => {
    applyFold(room, frame);
    if (room.unread > 0 && frame.type !== "reacted") recount(room, store);
  });
  store.tell("folded", frame);
  store.tell("rooms");
}

/** @param {Store} store @param {Room} room @param {MessageFrame[]} messages @param {boolean} news */
function addMessages(store, room, messages, news) {
  const attending = store.attending && store.current === room.name;
  let read = false;
  for (const message of messages) {
    const isNew = room.insert(adopt(room, message));
    room.advance(message.position);
    room.typing.delete(message.from.id);
    if (!isNew) continue;
    if (news && addUnread(room, message, store, attending)) read = true;
    store.tell("message", { room: room.name, message, news });
  }
  if (read) store.tell("read", room.name);
  if (store.current !== room.name || store.isFollowing()) room.trim();
  if (news && messages.length > 0) store.tell("rooms");
}

/**
 * Our own message as the `ack` tells it, before or after its `message` frame. It does not move the position: messages
 * of others that lie before it may still be on their way.
 * @param {Store} store @param {Room} room @param {MessageFrame} message
 */
function addSent(store, room, message) {
  const { oldest } = room;
  if (oldest !== null && room.more && comparePositions(message.position, oldest) < 0) return;
  if (!room.insert(adopt(room, message))) return;
  if (addUnread(room, message, store, true)) store.tell("read", room.name);
  store.tell("message", { room: room.name, message, news: false });
}

/** A room comes on screen, at its end. @param {Store} store @param {Room} room */
function visit(store, room) {
  if (room.invited) {
    room.invited = false;
    recount(room, store);
  }
  placeDivider(room);
  if (store.attending) readAll(store, room);
}

/** @param {Store} store @param {Room} room */
function readAll(store, room) {
  // What is no message has been seen as well, such as the invitation that a room may begin with.
  if (room.position !== null && moveRead(room, later(room.newest, room.position), store)) store.tell("read", room.name);
}

/** @param {Store} store @param {{ on: boolean }} frame */
function applyAttend(store, { on }) {
  if (store.attending === on) return;
  store.attending = on;
  if (!on || store.current === null) return;
  inRoom(store, store.current, (room) => readAll(store, room));
  store.tell("rooms");
}

/** Older messages, or those that the page has, read again. @param {Store} store
 * @param {import("./protocol.js").HistoryFrame} frame */
function applyHistory(store, frame) {
  inRoom(store, frame.room, (room) => {
    room.loading = false;
    const { before: oldest, position: newest } = room;
    // What lies beyond our position comes as news, and in its turn.
    const known = frame.messages.filter(({ position }) => newest === null || comparePositions(position, newest) <= 0);
    const entries = known.map((message) => adopt(room, message));
    const isOlder = (/** @type {{ position: string }} */ { position }) => oldest === null || comparePositions(position, oldest) < 0;
    for (const entry of entries) if (!isOlder(entry)) room.insert(entry);
    if (!frame.more || !frame.before || isOlder({ position: frame.before })) reachBack(room, frame, entries.filter(isOlder));
    recount(room, store);
    for (const message of known) store.tell("message", { room: room.name, message, news: false });
  });
}

/** @param {Room} room @param {import("./protocol.js").HistoryFrame} frame @param {import("./room.js").MessageEntry[]} older */
function reachBack(room, frame, older) {
  room.prepend(older);
  room.more = frame.more && (frame.before !== undefined || frame.messages.length > 0);
  room.lookedTo = (room.more ? frame.before : null) ?? null;
  if (room.coveredFrom !== null && room.before !== null) {
    room.coveredFrom = room.more ? room.before : START;
  }
}

/** @param {Store} store @param {import("./protocol.js").MembersFrame} frame */
function applyMembers(store, frame) {
  inRoom(store, frame.room, (room) => {
    if (room.version !== null && frame.version < room.version) return;
    room.version = frame.version;
    room.members.clear();
    room.meet(frame.members);
    room.count = frame.count;
  });
  store.tell("rooms");
}

/** @param {Store} store @param {import("./protocol.js").PresenceFrame} frame */
function applyPresence(store, frame) {
  inRoom(store, frame.room, (room) => {
    if (room.version === null) {
      room.count = frame.count;
      return;
    }
    if (frame.version <= room.version) return;
    room.count = frame.count;
    // A frame of several changes may begin before the version we have: its last word about each user holds.
    if (room.version < (frame.prev ?? frame.version - 1)) {
      room.version = null;
      store.tell("members_needed", room.name);
      return;
    }
    room.version = frame.version;
    for (const user of frame.left) {
      room.members.delete(user.id);
      room.typing.delete(user.id);
    }
    room.meet(frame.joined);
  });
  store.tell("rooms");
}

/** @param {Store} store @param {import("./protocol.js").TypingFrame} frame @param {number} now */
function applyTyping(store, frame, now) {
  if (frame.user.id === store.me?.id) return;
  inRoom(store, frame.room, (room) => {
    if (frame.on) room.typing.set(frame.user.id, { name: frame.user.name, until: now + TYPING_MS });
    else room.typing.delete(frame.user.id);
  });
}

/** The server ends typing by itself, but its word may be lost; and what an outage took is waited for so long.
 * @param {Store} store @param {any} _frame @param {number} now */
function passTime(store, _frame, now) {
  for (const room of store.rooms.values()) {
    const before = room.typing.size;
    for (const [id, { until }] of room.typing) if (until <= now) room.typing.delete(id);
    const gaveUp = room.giveUpLost(now);
    if (room.typing.size !== before || gaveUp) store.tell("room", room.name);
  }
}

/** @param {Store} store @param {import("./protocol.js").GapFrame} frame */
function applyGap(store, frame) {
  inRoom(store, frame.room, (room) => room.lose(frame.from, frame.to));
}

/** @param {Store} store @param {import("./protocol.js").RollbackFrame} frame @param {number} now */
function applyRollback(store, frame, now) {
  inRoom(store, frame.room, (room) => {
    const { mine, until } = room.rollBack(frame.after, store.me?.id ?? "", now);
    lose(store, room, frame.after, until);
    tellLost(store, room, frame.after, until, mine);
  });
}

/** @param {Store} store @param {import("./protocol.js").EpochFrame} frame @param {number} now */
function applyEpoch(store, frame, now) {
  inRoom(store, frame.room, (room) => {
    const { position, prev } = frame;
    const mine = room.mark(position, prev, store.me?.id ?? "", now);
    lose(store, room, prev, position);
    tellLost(store, room, prev, position, mine);
  });
}

/** @param {Store} store @param {Room} room @param {string} after @param {string | null} until */
function lose(store, room, after, until) {
  unfold(room, after, until);
  // What was read of messages may tell of changes that are gone and that never came here as entries.
  room.doubtful = room.entries.length > 0;
  recount(room, store);
}

/** @param {Store} store @param {Room} room @param {string} after @param {string | null} until
 * @param {import("./room.js").MessageEntry[]} mine */
function tellLost(store, room, after, until, mine) {
  // One that was deleted need not come back.
  const messages = mine.filter(({ deleted }) => !deleted).map(({ key, text, position, reply_to }) => {
    /** @type {import("./protocol.js").Deed} */
    const deed = { kind: "send", ...(reply_to ? { reply_to } : {}) };
    return { room: room.name, key, text, position, deed };
  });
  store.tell("lost", { room: room.name, after, until, messages });
}

/** @param {Store} store @param {import("./protocol.js").NoticeFrame} frame @param {number} now */
function applyNotice(store, frame, now) {
  const { text } = frame;
  // One without a room is for everybody, whichever room they have open.
  if (typeof frame.room !== "string") {
    store.tell("notice", text);
    return;
  }
  inRoom(store, frame.room, (room) => {
    const position = frame.position ?? room.newest;
    room.insert({ kind: "notice", position, text, at: frame.at ?? now });
    room.advance(position);
  });
}

/** @param {Store} store @param {import("./protocol.js").RoomClosedFrame} frame @param {number} now */
function applyClosed(store, frame, now) {
  shut(store, frame.room, "room_closed", frame.position ?? null, frame.at ?? now);
}

/** @param {Store} store @param {string} name @param {string} why @param {string | null} position its place in the log,
 * which a refusal has not @param {number} at */
function shut(store, name, why, position, at) {
  if (!store.rooms.has(name)) return;
  inRoom(store, name, (room) => {
    room.shut(why, position ?? room.newest, at);
    if (position !== null) room.advance(position);
  });
  store.tell("closed", name);
  store.tell("rooms");
}
