// Finds the links in a message. Only http and https become links: other schemes can run code in the page.

/** @typedef {{ text: string, href: string | null }} Piece */

/** RFC 3986 has no place in a URL for `<`, `>`, `"`, a grave accent and controls: whoever means them writes %3C. So
 * they end the link, as in `<https://a.example>`. An apostrophe is allowed. */
const CANDIDATE = /https?:\/\/[^\s<>"\u0060\u0000-\u001f\u007f]+/giu;
/** What a sentence puts after a link: punctuation and closing quotes, also typographic and full-width ones. */
const AFTER = /[.,;:!?*_~'\p{Pi}\p{Pf}…、。，；：！？」』）】》]/u;
const PAIRS = new Map([[")", "("], ["]", "["], ["}", "{"]]);

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
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const letter of link) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  let end = link.length;
  for (; end > 0; end -= 1) {
    const last = link.charAt(end - 1);
    const opening = PAIRS.get(last);
    const unmatched = opening !== undefined && (counts.get(last) ?? 0) > (counts.get(opening) ?? 0);
    if (!unmatched && !AFTER.test(last)) break;
    counts.set(last, (counts.get(last) ?? 1) - 1);
  }
  return link.slice(0, end);
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
