// Whether a message speaks to us.

/** @typedef {import("./protocol.js").User} User */

/**
 * The server names the people a message mentions by their ids. Where it names nobody, our name after an @ counts: of two
 * names that fit, only the server knows the longer one.
 * @param {{ text: string, mentions?: string[] }} message @param {User | null} me
 */
export function mentions({ text, mentions: named }, me) {
  if (me === null) return false;
  if (named?.length) return named.some((id) => isOwn(id, me));
  return text.includes("@") && patternOf(me.name).test(text);
}

/** Who signed out is still called by the id they had then. @param {string} id @param {User | null} me */
export const isOwn = (id, me) => id === me?.id || me?.former?.includes(id) === true;

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
