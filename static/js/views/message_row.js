// One row of the conversation: a message, one that is still on its way, or a remark such as a gap. Pure drawing; which
// rows there are is decided in messages.js. Rows are many, so each has only the parts that it shows.

import { clock, dayAndYear, fullDate, weekday } from "../dates.js";
import { fromTemplate, paintAvatar, part, setText } from "../lib/dom.js";
import { mentions } from "../mention.js";
import { isDirect, isPrivate } from "../protocol.js";
import { lookUp, strings } from "../strings.js";
import { paintQuote, paintReactions, paintText } from "./message_parts.js";

/**
 * @typedef {import("../room.js").Entry} Entry
 * @typedef {import("../unsent.js").UnsentItem} UnsentItem
 * @typedef {import("../room.js").MessageEntry} MessageEntry
 * @typedef {import("./folding.js").Folded} Folded
 * @typedef {{ key: string, entry: Entry | Folded | null, unsent: UnsentItem | null, at: number, deed: UnsentItem | null,
 *   quoted: MessageEntry | null, mentioned: string }} Source what a row is made of: `deed` is a change of it that waits
 *   or has failed, `quoted` what it answers, `mentioned` the names in it, one per line
 * @typedef {Source & { starts: boolean, day: string, mine: boolean, from: import("../protocol.js").User | null,
 *   me: import("../protocol.js").User, fate: string, divided?: boolean, calls?: boolean }} Row `starts` a group, so the name
 *   is shown; `day` is the divider's text above it, if any; `divided`: what is new begins here; `calls`: it mentions us
 */

/** Messages of one author closer than this form a group. */
const GROUP_MS = 5 * 60_000;

/**
 * Adds to each source what depends on the one before it.
 * @param {Source[]} sources @param {Source | null} before the one above the window
 * @param {import("../protocol.js").User} me @param {number} now @returns {Row[]}
 */
export function toRows(sources, before, me, now) {
  let previous = before;
  return sources.map((source) => {
    const from = author(source, me);
    const newDay = previous === null || dayOf(previous.at) !== dayOf(source.at);
    const close = previous !== null && source.at - previous.at < GROUP_MS;
    const sameAuthor = previous !== null && from !== null && author(previous, me)?.id === from.id;
    const { unsent } = source;
    const row = {
      ...source,
      from,
      starts: newDay || !close || !sameAuthor,
      day: newDay ? dayName(source.at, now) : "",
      mine: from?.id === me.id,
      me,
      calls: from?.id !== me.id && source.entry?.kind === "message" && mentions(source.entry, me),
      fate: fateOf(source.entry) || waitOf(unsent) || waitOf(source.deed),
    };
    previous = source;
    return row;
  });
}

/** What became of a message that stands in the log, as far as it still does. @param {Entry | Folded | null} entry */
function fateOf(entry) {
  if (entry?.kind !== "message" || !entry.lost) return "";
  return entry.lost.hopeless ? "lost" : "restoring";
}

/** @param {UnsentItem | null} item */
function waitOf(item) {
  if (item === null) return "";
  return item.state === "failed" ? `failed:${item.why}` : "pending";
}

/** @param {Row} row */
export function createRow(row) {
  const remark = row.entry !== null && row.entry.kind !== "message";
  return fromTemplate(remark ? "remark-row" : "message-row");
}

/** What each node shows, so that an unchanged row costs one comparison. @type {WeakMap<HTMLElement, Row>} */
const shown = new WeakMap();

/** @param {HTMLElement} node @param {Row} row @param {import("../room.js").Room | null} room */
export function paintRow(node, row, room) {
  const old = shown.get(node);
  if (old && sameRow(old, row)) return;
  shown.set(node, row);
  paintLine(node, "day", row.day, null);
  paintLine(node, "new-line", row.divided === true ? strings["messages.new"] : "", node.querySelector(":scope > .day"));
  if (row.entry !== null && row.entry.kind !== "message") {
    setText(part(node, ".remark-text"), remarkText(row.entry, room));
    const show = part(node, ".show-folded");
    show.hidden = row.entry.kind !== "folded";
    setText(show, strings["muted.show"]);
    node.dataset["row"] = row.key;
    return;
  }
  node.classList.toggle("starts", row.starts);
  node.classList.toggle("mine", row.mine);
  node.classList.toggle("calls", row.calls === true);
  node.dataset["user"] = row.from?.id ?? "";
  node.dataset["key"] = (row.unsent ?? row.deed)?.key ?? "";
  node.dataset["position"] = row.entry?.position ?? "";
  paintHead(node, row);
  paintBody(node, row, old);
  paintFate(node, row);
}

/** @param {HTMLElement} node @param {Row} row @param {Row | undefined} old */
function paintBody(node, row, old) {
  const { unsent, me } = row;
  const entry = row.entry?.kind === "message" ? row.entry : null;
  const body = part(node, ".text");
  node.classList.toggle("tombstone", entry?.deleted === true);
  if (entry?.deleted) {
    setText(body, strings["messages.deleted"]);
  } else if (!old || old.entry?.kind !== "message" || old.entry.deleted || textOf(old) !== textOf(row)
    || old.mentioned !== row.mentioned) {
    paintText(body, textOf(row), row.mentioned === "" ? [] : row.mentioned.split("\n"), me.name);
  }
  if (entry?.edited && !entry.deleted) {
    body.dataset["edited"] = strings["messages.edited"];
    body.title = strings["messages.editedAt"](fullDate(entry.edited));
  } else if (body.dataset["edited"] !== undefined) {
    delete body.dataset["edited"];
    body.removeAttribute("title");
  }
  const article = part(node, ".message");
  const answered = unsent?.deed.kind === "send" ? unsent.deed.reply_to : entry?.reply_to;
  paintQuote(article, entry?.deleted ? undefined : answered, row.quoted);
  paintReactions(article, entry?.reactions ?? [], me.id);
}

/** @param {Row} a @param {Row} b */
function sameRow(a, b) {
  return sameEntry(a.entry, b.entry) && a.starts === b.starts && a.day === b.day && a.fate === b.fate && a.unsent === b.unsent
    && a.from?.name === b.from?.name && a.divided === b.divided && a.calls === b.calls
    && a.deed === b.deed && a.quoted === b.quoted && a.mentioned === b.mentioned;
}

/** Folds are made anew each time. @param {Row["entry"]} a @param {Row["entry"]} b */
function sameEntry(a, b) {
  return a === b || (a?.kind === "folded" && b?.kind === "folded" && a.count === b.count);
}

/** A line across the top of a row, or none: the day, and below it where what is new begins.
 * @param {HTMLElement} node @param {"day" | "new-line"} kind @param {string} text @param {Element | null} above */
function paintLine(node, kind, text, above) {
  const old = node.querySelector(`:scope > .${kind}`);
  if (text === "") return old?.remove();
  const line = old ?? document.createElement("p");
  line.className = kind;
  setText(line, text);
  if (old) return;
  if (above) above.after(line);
  else node.prepend(line);
}

/** Above the first message of a group: who says it, and when. Beside the others the time, for whoever points at them.
 * @param {HTMLElement} node @param {Row} row */
function paintHead(node, row) {
  const article = part(node, ".message");
  if (row.starts !== (article.querySelector(".byline") !== null)) {
    for (const old of article.querySelectorAll(":scope > .avatar, :scope > .byline, :scope > .side-time")) old.remove();
  }
  if (row.starts) paintByline(article, row.from ?? { id: "", name: "" });
  else if (!article.querySelector(".side-time")) article.prepend(hidden("time", "side-time"));
  const date = new Date(row.at);
  const time = /** @type {HTMLTimeElement} */ (part(article, "time"));
  setText(time, clock(date));
  time.dateTime = date.toISOString();
  time.title = fullDate(date);
}

/** @param {HTMLElement} article @param {import("../protocol.js").User} from */
function paintByline(article, from) {
  if (!article.querySelector(".byline")) article.prepend(hidden("span", "avatar"), fromTemplate("byline"));
  paintAvatar(part(article, ".avatar"), from);
  setText(part(article, ".author"), from.name);
}

/** Something for the eyes alone. @param {"span" | "time"} tag @param {string} kind */
function hidden(tag, kind) {
  const node = document.createElement(tag);
  node.className = kind;
  node.setAttribute("aria-hidden", "true");
  return node;
}

/** Why an edit or a deletion is refused for good. */
const NEVER = ["forbidden", "bad_position"];

/** @param {HTMLElement} node @param {Row} row */
function paintFate(node, row) {
  const failed = row.fate.startsWith("failed:");
  const gone = row.fate === "lost" || row.fate === "restoring";
  const why = gone ? row.fate : (row.unsent?.why ?? row.deed?.why ?? "");
  node.classList.toggle("pending", row.fate === "pending" || gone);
  // A change that failed leaves the message as good as it was.
  node.classList.toggle("failed", failed && row.deed === null);
  const old = node.querySelector(".fate");
  if (!failed && !gone) return old?.remove();
  if (!old) (node.querySelector(".reactions") ?? part(node, ".text")).after(fromTemplate("fate"));
  part(node, ".retry").hidden = gone || (row.deed !== null && row.deed.deed.kind !== "react" && NEVER.includes(why));
  part(node, ".delete").hidden = gone;
  // What one wrote stays to be read, and copied.
  const wanted = row.deed?.deed.kind === "edit" && !gone ? row.deed.text : "";
  setText(part(node, ".wanted"), wanted);
  part(node, ".wanted").hidden = wanted === "";
  setText(part(node, ".fate-text"), row.deed && !gone ? deedFate(row.deed) : lookUp(`fate.${why}`, "fate.other"));
  const again = why === "not_sent" || why === "unknown";
  setText(part(node, ".retry"), again ? strings["fate.sendAgain"] : strings["fate.retry"]);
  setText(part(node, ".delete"), row.deed ? strings["deed.discard"] : strings["fate.delete"]);
}

/** What became of a change that failed. @param {UnsentItem} item */
function deedFate({ deed, why }) {
  const emoji = deed.kind === "react" ? deed.emoji : "";
  const reason = deed.kind === "react" && why === "forbidden" ? "react.forbidden" : why;
  return `${lookUp(`deed.${deed.kind}`, "deed.edit", emoji)} ${lookUp(`deed.why.${reason}`, "deed.why.other")}`;
}

/** @param {Row | undefined} row */
function textOf(row) {
  if (!row) return "";
  return row.unsent?.text ?? (row.entry?.kind === "message" ? row.entry.text : "");
}

/** @param {Source} source @param {import("../protocol.js").User} me */
function author(source, me) {
  if (source.unsent !== null) return me;
  return source.entry?.kind === "message" ? source.entry.from : null;
}

/** @param {Exclude<Entry, import("../room.js").MessageEntry> | Folded} entry @param {import("../room.js").Room | null} room */
function remarkText(entry, room) {
  if (entry.kind === "notice") return entry.text;
  if (entry.kind === "invited") return strings["people.invited"](entry.by.name, entry.user.name);
  if (entry.kind === "departed") return strings["people.departed"](entry.user.name);
  if (entry.kind === "folded") return strings["muted.folded"](entry.count);
  if (entry.kind === "gap") return strings["messages.gap"];
  const isMissing = entry.why === "no_such_room" && isPrivate(room?.name ?? "");
  return lookUp(`refused.${isMissing ? missing(room) : entry.why}`, "refused.other", room?.title ?? "");
}

/** To whom a private room does not belong it does not exist, and its title is known to whoever was in it before.
 * @param {import("../room.js").Room | null} room */
function missing(room) {
  if (!isDirect(room?.name ?? "")) return "private";
  return room?.people.length ? "anew" : "direct";
}

/** @param {number} at */
function dayOf(at) {
  return new Date(at).toDateString();
}

/** @param {number} at @param {number} now */
function dayName(at, now) {
  const day = dayOf(at);
  if (day === dayOf(now)) return strings["today"];
  if (day === dayOf(now - 86_400_000)) return strings["yesterday"];
  return now - at < 300 * 86_400_000 ? weekday(at) : dayAndYear(at);
}
