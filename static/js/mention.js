// Whether a message speaks to us.

/** @typedef {import("./protocol.js").User} User */

/**
 * The server names the people a message mentions by their ids. Where it does not, our name after an @ counts.
 * @param {{ text: string, mentions?: string[] }} message @param {User | null} me
 */
export function mentions({ text, mentions: named }, me) {
  if (me === null) return false;
  if (named?.includes(me.id)) return true;
  return text.includes("@") && patternOf(me.name).test(text);
}

/** @type {{ name: string, pattern: RegExp } | null} */
let last = null;

/** `@Ada` is in "@ada, look" but not in "@Adam". @param {string} name */
function patternOf(name) {
  if (last?.name !== name) {
    // Neither "-" nor "/" is special here, and with the flag `u` an escape in vain is an error.
    const literal = name.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
    last = { name, pattern: new RegExp(`@${literal}(?![\\p{L}\\p{N}_])`, "iu") };
  }
  return last.pattern;
}
