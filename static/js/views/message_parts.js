// The parts of a message's row that only some messages have: links and mentions in its text, the quote of what it
// answers, its reactions. They are made when needed, because most rows need none and rows are many.

import { listOf } from "../dates.js";
import { locale } from "../language.js";
import { setText } from "../lib/dom.js";
import { splitLinks } from "../lib/links.js";
import { markUp, plainText } from "../lib/markup.js";
import { splitMentions } from "../lib/mentions.js";
import { strings } from "../strings.js";

/**
 * @typedef {import("../room.js").MessageEntry} MessageEntry
 * @typedef {import("../protocol.js").Reaction} Reaction
 */

/** @param {HTMLElement} node @param {string} text @param {string[]} names of people it mentions @param {string} me */
export function paintText(node, text, names, me) {
  node.replaceChildren(...markUp(text, (words) => linked(words, names, me)));
}

/** @param {string} text @param {string[]} names @param {string} me @returns {Node[]} */
function linked(text, names, me) {
  return splitLinks(text).flatMap(({ text: words, href }) => {
    if (href === null) return mentions(words, names, me);
    const link = document.createElement("a");
    link.href = href;
    link.target = "_blank";
    link.rel = "noopener noreferrer";
    link.textContent = words;
    return [link];
  });
}

/** @param {string} text @param {string[]} names @param {string} me */
function mentions(text, names, me) {
  if (names.length === 0) return [document.createTextNode(text)];
  return splitMentions(text, names).map(({ text: words, mention }) => {
    if (!mention) return document.createTextNode(words);
    const mark = document.createElement("span");
    mark.className = words.toLowerCase() === `@${me.toLowerCase()}` ? "mention own" : "mention";
    mark.textContent = words;
    return mark;
  });
}

/** How much of what is answered is shown. */
const QUOTED = 160;

/**
 * The line above an answer, which leads to what it answers.
 * @param {HTMLElement} article @param {string | undefined} position @param {MessageEntry | null} quoted
 */
export function paintQuote(article, position, quoted) {
  let quote = article.querySelector("button.quote");
  if (position === undefined) return quote?.remove();
  if (!(quote instanceof HTMLButtonElement)) {
    quote = document.createElement("button");
    quote.className = "quote";
    quote.setAttribute("type", "button");
    for (const name of ["quote-author", "quote-text"]) {
      const span = document.createElement("span");
      span.className = name;
      span.dir = "auto";
      quote.append(span, " ");
    }
    article.querySelector(".text")?.before(quote);
  }
  const button = /** @type {HTMLButtonElement} */ (quote);
  button.dataset["position"] = position;
  const [author, text] = /** @type {[HTMLElement, HTMLElement]} */ ([...button.children]);
  setText(author, quoted?.from.name ?? "");
  setText(text, quoted ? excerpt(quoted) : strings["quote.earlier"]);
  button.setAttribute("aria-label", quoted ? strings["quote.label"](quoted.from.name, excerpt(quoted)) : strings["quote.earlier"]);
}

/** One line of a message. @param {MessageEntry} entry */
export function excerpt({ text, deleted }) {
  if (deleted) return strings["messages.deleted"];
  const line = plainText(text).replace(/\s+/gu, " ");
  const letters = [...line];
  return letters.length > QUOTED ? `${letters.slice(0, QUOTED).join("")}…` : line;
}

/** @param {HTMLElement} article @param {Reaction[]} reactions @param {string} me */
export function paintReactions(article, reactions, me) {
  let list = article.querySelector("ul.reactions");
  if (reactions.length === 0) return list?.remove();
  if (!list) {
    list = document.createElement("ul");
    list.className = "reactions";
    article.querySelector(".text")?.after(list);
  }
  list.setAttribute("aria-label", strings["react.list"]);
  // A pill keeps its node, and with it the focus, while others change.
  const old = new Map([...list.children].map((item) => [item.getAttribute("data-emoji") ?? "", item]));
  const items = reactions.map((reaction) => {
    const item = old.get(reaction.emoji) ?? newPill(reaction.emoji);
    paintPill(item, reaction, me);
    return item;
  });
  if (items.length !== list.childElementCount || items.some((item, index) => list.children[index] !== item)) {
    list.replaceChildren(...items);
  }
}

/** @param {string} emoji */
function newPill(emoji) {
  const item = document.createElement("li");
  item.dataset["emoji"] = emoji;
  const pill = document.createElement("button");
  pill.type = "button";
  pill.className = "reaction";
  const face = document.createElement("span");
  face.textContent = emoji;
  face.className = "emoji";
  const count = document.createElement("span");
  count.className = "reaction-count";
  pill.append(face, count);
  item.append(pill);
  return item;
}

/** @param {Element} item @param {Reaction} reaction @param {string} me */
function paintPill(item, { emoji, users }, me) {
  const pill = /** @type {HTMLButtonElement} */ (item.firstElementChild);
  const mine = users.some(({ id }) => id === me);
  const names = users.map(({ id, name }) => (id === me ? strings["you"] : name));
  pill.setAttribute("aria-pressed", String(mine));
  setText(/** @type {Element} */ (pill.lastElementChild), users.length.toLocaleString(locale));
  const who = strings["react.who"](emoji, listNames(names));
  pill.title = who;
  pill.setAttribute("aria-label", `${emoji} ${users.length}: ${listNames(names)}`);
}

/** Who reacted is named up to this many. */
const NAMED = 20;

/** @param {string[]} names */
function listNames(names) {
  if (names.length <= NAMED) return listOf(names);
  return listOf([...names.slice(0, NAMED), strings["members.more"](names.length - NAMED)]);
}
