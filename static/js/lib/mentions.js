// Finds in a text the names it mentions with an @, and at the cursor the one that is being typed.

import { locale } from "../language.js";

/**
 * Splits a text at the mentions of these names, losing no character. Of two names that fit the longer one counts.
 * @param {string} text @param {string[]} names
 * @returns {{ text: string, mention: boolean }[]}
 */
export function splitMentions(text, names) {
  const sorted = names.filter(Boolean).map((name) => `@${name}`).sort((a, b) => b.length - a.length);
  /** @type {{ text: string, mention: boolean }[]} */
  const pieces = [];
  let done = 0;
  for (let at = text.indexOf("@"); at >= 0; at = text.indexOf("@", at + 1)) {
    const found = sorted.find((name) => isAt(text, at, name));
    if (!found || at < done) continue;
    if (at > done) pieces.push({ text: text.slice(done, at), mention: false });
    done = at + found.length;
    pieces.push({ text: text.slice(at, done), mention: true });
  }
  if (done < text.length) pieces.push({ text: text.slice(done), mention: false });
  return pieces;
}

/** @param {string} text @param {number} at @param {string} name with its @ */
function isAt(text, at, name) {
  const here = text.slice(at, at + name.length);
  return here.toLowerCase() === name.toLowerCase() && !/^[\p{L}\p{N}_]/u.test(text.slice(at + name.length));
}

/** The longest name the server takes has 32 characters. */
const LONGEST = 33;

/**
 * What is being typed after an @ up to the cursor; null when no mention is. An @ within a word is an address.
 * @param {string} text @param {number} cursor @returns {{ at: number, typed: string } | null}
 */
export function mentionAt(text, cursor) {
  const before = text.slice(0, cursor);
  const at = before.lastIndexOf("@");
  if (at < 0 || cursor - at > LONGEST || /[\p{L}\p{N}_]$/u.test(before.slice(0, at))) return null;
  const typed = before.slice(at + 1);
  return /\n|^\s/u.test(typed) ? null : { at, typed };
}

/**
 * Those whose name, or a later word of it, begins with what was typed; names that begin with it come first.
 * @template {{ name: string }} T
 * @param {T[]} people @param {string} typed @param {number} most @returns {T[]}
 */
export function matchPeople(people, typed, most) {
  const wanted = typed.toLowerCase();
  const fit = people.flatMap((person) => {
    const name = person.name.toLowerCase();
    const rank = name.startsWith(wanted) ? 0 : name.split(/[\s._-]+/u).some((word) => word.startsWith(wanted)) ? 1 : 2;
    return rank < 2 ? [{ person, rank }] : [];
  });
  fit.sort((a, b) => a.rank - b.rank || a.person.name.localeCompare(b.person.name, locale));
  return fit.slice(0, most).map(({ person }) => person);
}
