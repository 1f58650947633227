// Finds the links in a message. Only http and https become links: other schemes can run code in the page.

/** @typedef {{ text: string, href: string | null }} Piece */

const CANDIDATE = /https?:\/\/[^\s<>"'`\u0000-\u001f]+/giu;
const PAIRS = Object.freeze({ ")": "(", "]": "[", "}": "{" });

/**
 * Splits a text into plain pieces and links, losing no character.
 * @param {string} text
 * @returns {Piece[]}
 */
export function splitLinks(text) {
  /** @type {Piece[]} */
  const pieces = [];
  let done = 0;
  for (const match of text.matchAll(CANDIDATE)) {
    const link = trimEnd(match[0]);
    const href = safeHref(link);
    if (href === null) continue;
    if (match.index > done) pieces.push({ text: text.slice(done, match.index), href: null });
    pieces.push({ text: link, href });
    done = match.index + link.length;
  }
  if (done < text.length) pieces.push({ text: text.slice(done), href: null });
  return pieces;
}

/** The full stop after a link, or the bracket around it, belongs to the sentence. @param {string} link */
function trimEnd(link) {
  let end = link.length;
  for (; end > 0; end -= 1) {
    const last = link.charAt(end - 1);
    const opening = PAIRS[/** @type {keyof typeof PAIRS} */ (last)];
    const unmatched = opening !== undefined && count(link, last, end) > count(link, opening, end);
    if (!unmatched && !/[.,;:!?*_~…]/u.test(last)) break;
  }
  return link.slice(0, end);
}

/** @param {string} text @param {string} letter @param {number} end */
function count(text, letter, end) {
  let found = 0;
  for (let index = 0; index < end; index += 1) if (text.charAt(index) === letter) found += 1;
  return found;
}

/** @param {string} link */
function safeHref(link) {
  try {
    const url = new URL(link);
    const web = url.protocol === "http:" || url.protocol === "https:";
    // A name and password before the host only serve to make a link look like another one.
    return web && url.username === "" && url.password === "" && url.hostname !== "" ? url.href : null;
  } catch {
    return null;
  }
}
