// What travels between the page and the server: the shapes of all frames and the builders of ours.

/**
 * @typedef {{ id: string, name: string, former?: string[] }} User `former`: ids that we had before
 * @typedef {{ frame_bytes: number, text_chars: number, text_bytes: number, rooms: number, sends: number, per_ms: number }} Limits
 *
 * @typedef {{ type: "hello", protocol: number, build: string, instance: string, user: User, heartbeat_ms: number, limits: Limits, connection?: string }} HelloFrame
 * @typedef {{ type: "message", room: string, position: string, key: string, from: User, text: string, at: number, reply_to?: string, edited?: number, deleted?: boolean, reactions?: Reaction[], mentions?: string[] }} MessageFrame
 * @typedef {{ emoji: string, users: User[] }} Reaction
 * @typedef {{ type: "edited", room: string, position: string, at: number, key: string, target: string, by: User, text: string, mentions?: string[] }} EditedFrame
 * @typedef {{ type: "deleted", room: string, position: string, at: number, key: string, target: string, by: User }} DeletedFrame
 * @typedef {{ type: "reacted", room: string, position: string, at: number, key: string, target: string, by: User, emoji: string, on: boolean }} ReactedFrame
 * @typedef {{ type: "joined", room: string, title?: string, head: string, recovered: boolean, count: number, messages: MessageFrame[], more: boolean, older?: boolean, read?: string, id?: string | number, people?: User[], direct?: boolean }} JoinedFrame
 * @typedef {{ type: "page", room: string, messages: MessageFrame[], more: boolean }} PageFrame
 * @typedef {{ type: "left", room: string, id?: string | number }} LeftFrame
 * @typedef {{ type: "ack", room: string, key: string, position: string, at: number, duplicate: boolean, id?: string | number }} AckFrame
 * @typedef {{ type: "history", room: string, messages: MessageFrame[], more: boolean, before?: string, id?: string | number }} HistoryFrame
 * @typedef {{ type: "members", room: string, version: number, members: User[], count: number, id?: string | number }} MembersFrame
 * @typedef {{ type: "presence", room: string, version: number, prev?: number, joined: User[], left: User[], count: number }} PresenceFrame
 * @typedef {{ type: "typing", room: string, user: User, on: boolean }} TypingFrame
 * @typedef {{ type: "read", room: string, position: string }} ReadFrame
 * @typedef {{ type: "epoch", room: string, position: string, prev: string }} EpochFrame
 * @typedef {{ type: "gap", room: string, from: string, to: string }} GapFrame
 * @typedef {{ type: "rollback", room: string, after: string }} RollbackFrame
 * @typedef {{ type: "move", within_ms: number }} MoveFrame
 * @typedef {{ type: "notice", text: string, room?: string, position?: string, at?: number }} NoticeFrame
 * @typedef {{ type: "room_closed", room: string, position?: string, at?: number }} RoomClosedFrame
 * @typedef {{ type: "found", room: string, messages: MessageFrame[], more: boolean, before?: string, id?: string | number }} FoundFrame
 * @typedef {{ type: "created", room: string, title: string, direct?: boolean, with?: User, id?: string | number }} CreatedFrame
 * @typedef {{ type: "invited", room: string, user: User, by?: User, position?: string, at?: number, id?: string | number }} InvitedFrame
 *   the answer to our `invite`; with a position it is an entry of the room's log, which everybody there gets
 * @typedef {{ type: "departed", room: string, position: string, at: number, user: User }} DepartedFrame
 * @typedef {{ type: "room_added", room: string, title: string, by: User, direct: boolean }} RoomAddedFrame
 * @typedef {{ type: "forgotten", room: string, id?: string | number }} ForgottenFrame
 * @typedef {{ type: "error", code: string, message: string, id?: string | number, room?: string, retry_after_ms?: number }} ErrorFrame
 * @typedef {{ type: "ping" } | { type: "pong", id?: string | number } | { type: "ok", id?: string | number }} BareFrame
 * @typedef {HelloFrame | MessageFrame | JoinedFrame | PageFrame | LeftFrame | AckFrame | HistoryFrame | MembersFrame
 *   | PresenceFrame | TypingFrame | ReadFrame | EpochFrame | GapFrame | RollbackFrame | MoveFrame | NoticeFrame | RoomClosedFrame
 *   | EditedFrame | DeletedFrame | ReactedFrame | FoundFrame | CreatedFrame | InvitedFrame | DepartedFrame | RoomAddedFrame
 *   | ForgottenFrame | ErrorFrame | BareFrame} ServerFrame
 *
 * @typedef {{ type: "join", id?: number, room: string, after?: string }} JoinRequest
 * @typedef {{ type: "leave", id?: number, room: string }} LeaveRequest
 * @typedef {{ type: "send", id?: number, room: string, key: string, text: string, reply_to?: string }} SendRequest
 * @typedef {{ type: "edit", id?: number, room: string, key: string, target: string, text: string }} EditRequest
 * @typedef {{ type: "delete", id?: number, room: string, key: string, target: string }} DeleteRequest
 * @typedef {{ type: "react", id?: number, room: string, key: string, target: string, emoji: string, on: boolean }} ReactRequest
 * @typedef {{ type: "search", id?: number, room: string, query: string, before?: string, limit: number }} SearchRequest
 * @typedef {{ type: "create", id?: number, key: string, title: string, invite: string[] }} CreateRequest
 * @typedef {{ type: "invite", id?: number, room: string, name: string }} InviteRequest
 * @typedef {{ type: "direct", id?: number, name: string, user: string }} DirectRequest
 * @typedef {{ type: "forget", id?: number, room: string }} ForgetRequest
 * @typedef {{ type: "typing", id?: number, room: string, on: boolean }} TypingRequest
 * @typedef {{ type: "read", id?: number, room: string, position: string }} ReadRequest
 * @typedef {{ type: "history", id?: number, room: string, before?: string, limit: number }} HistoryRequest
 * @typedef {{ type: "members", id?: number, room: string, limit: number }} MembersRequest
 * @typedef {{ type: "ping", id?: number }} PingRequest
 * @typedef {JoinRequest | LeaveRequest | SendRequest | TypingRequest | ReadRequest | HistoryRequest | MembersRequest | PingRequest
 *   | EditRequest | DeleteRequest | ReactRequest | SearchRequest | CreateRequest | InviteRequest | DirectRequest
 *   | ForgetRequest} ClientFrame
 *
 * @typedef {{ kind: "send", reply_to?: string } | { kind: "edit", target: string } | { kind: "delete", target: string }
 *   | { kind: "react", target: string, emoji: string, on: boolean }} Deed what one does to a room under a key
 */

/** The version of the frames this page speaks; a server with another one asks for a reload. */
export const PROTOCOL = 1;

export const HISTORY_PAGE = 50;
export const SEARCH_PAGE = 20;
/** What the server takes for an emoji: this many bytes in UTF-8 at most, none of them white space or a control. */
export const EMOJI_BYTES = 32;
/** How many members are asked for and drawn at most: a list of thousands helps nobody. */
export const MEMBERS_SHOWN = 200;

/** Close codes after which the page waits for the user instead of reconnecting. */
export const CLOSE = Object.freeze({
  done: 1000,
  leaving: 1001,
  restart: 1012,
  overload: 1013,
  protocol: 4400,
  session_over: 4401,
  forbidden: 4403,
  rate: 4429,
});

/** Error codes that say "later", not "no": the same frame may be sent again with the same key. */
export const RETRYABLE = new Set(["rate_limited", "unavailable", "timeout", "internal", "not_member"]);

/** @param {string} room @param {string | null} after @returns {JoinRequest} */
export function join(room, after) {
  return after === null ? { type: "join", room } : { type: "join", room, after };
}

/** @param {string} room @returns {LeaveRequest} */
export function leave(room) {
  return { type: "leave", room };
}

/**
 * The frame of a deed: a message, or a change of one that stands in the log.
 * @param {string} room @param {string} key @param {string} text @param {Deed} deed
 * @returns {SendRequest | EditRequest | DeleteRequest | ReactRequest}
 */
export function deedFrame(room, key, text, deed) {
  switch (deed.kind) {
    case "send":
      return { type: "send", room, key, text, ...(deed.reply_to ? { reply_to: deed.reply_to } : {}) };
    case "edit":
      return { type: "edit", room, key, target: deed.target, text };
    case "delete":
      return { type: "delete", room, key, target: deed.target };
    case "react":
      return { type: "react", room, key, target: deed.target, emoji: deed.emoji, on: deed.on };
  }
}

/** @param {string} room @param {string} query @param {string | null} before @returns {SearchRequest} */
export function search(room, query, before) {
  return { type: "search", room, query, limit: SEARCH_PAGE, ...(before === null ? {} : { before }) };
}

/** @param {string} key @param {string} title @param {string[]} invite names @returns {CreateRequest} */
export function create(key, title, invite) {
  return { type: "create", key, title, invite };
}

/** @param {string} room @param {string} name @returns {InviteRequest} */
export function invite(room, name) {
  return { type: "invite", room, name };
}

/** A name may be somebody else's by now, so the id says who is meant. @param {User} user @returns {DirectRequest} */
export function direct({ id, name }) {
  return { type: "direct", name, user: id };
}

/** @param {string} room @returns {ForgetRequest} */
export function forget(room) {
  return { type: "forget", room };
}

/** @param {string} room @param {boolean} on @returns {TypingRequest} */
export function typing(room, on) {
  return { type: "typing", room, on };
}

/** @param {string} room @param {string} position @returns {ReadRequest} */
export function read(room, position) {
  return { type: "read", room, position };
}

/** @param {string} room @param {string | null} before @returns {HistoryRequest} */
export function history(room, before) {
  return before === null
    ? { type: "history", room, limit: HISTORY_PAGE }
    : { type: "history", room, before, limit: HISTORY_PAGE };
}

/** @param {string} room @returns {MembersRequest} */
export function members(room) {
  return { type: "members", room, limit: MEMBERS_SHOWN };
}

/** @returns {PingRequest} */
export function ping() {
  return { type: "ping" };
}

/**
 * One text from the network as a frame, or null when it is none. Never trusts the sender's syntax.
 * @param {unknown} text
 * @returns {ServerFrame | null}
 */
export function parseFrame(text) {
  if (typeof text !== "string") return null;
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === "object" && typeof value.type === "string" ? value : null;
  } catch {
    return null;
  }
}

/**
 * What a person typed as a room's name: lower case, with dashes for everything the server would refuse.
 * @param {string} text
 */
export function toRoomName(text) {
  return text
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/^#+/, "")
    .replace(/[^a-z0-9_-]+/g, "-")
    .replace(/^-+|-+$/g, "")
    // Names that begin so belong to private rooms; those go on with 32 digits that nobody types by chance.
    .replace(/^([dp])-(?![0-9a-f]{32}$)/, "$1_")
    .slice(0, 64);
}

/** What can be sent as a reaction, or null. @param {string} text */
export function toEmoji(text) {
  const emoji = text.trim();
  if (emoji === "" || /[\s\p{Cc}]/u.test(emoji)) return null;
  return new TextEncoder().encode(emoji).length <= EMOJI_BYTES ? emoji : null;
}

/** Whether a room is for those invited only: their names are kept for them. @param {string} name */
export function isPrivate(name) {
  return name.startsWith("p-") || isDirect(name);
}

/** Whether a room is the one of two people. @param {string} name */
export function isDirect(name) {
  return name.startsWith("d-");
}
