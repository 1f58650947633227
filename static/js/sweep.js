// Takes away what people left in this browser whose session ended without their signing out. They may come back under
// the same id, so it is kept for a day after somebody else was seen here.

import { recall, remember } from "./memory.js";

const KEEP_MS = 24 * 3_600_000;
const OWNED = /^hubbub:(?:rooms|read|unsent):(.+)$/;

/** @param {string} user whose page this is @param {number} now */
export function sweep(user, now) {
  try {
    const names = Object.keys(localStorage);
    const owners = new Set(names.map(ownerOf).filter((id) => id !== null && id !== user));
    const before = recall("others") ?? {};
    /** Since when somebody else is here in their place. @type {Record<string, number>} */
    const since = {};
    for (const id of /** @type {Set<string>} */ (owners)) {
      const at = Number(before[id]);
      // A clock that went backwards begins anew.
      since[id] = at <= now ? at : now;
    }
    for (const name of names) {
      const id = ownerOf(name);
      if (id !== null && now - (since[id] ?? now) > KEEP_MS) localStorage.removeItem(name);
    }
    const left = Object.entries(since).filter(([, at]) => now - at <= KEEP_MS);
    remember("others", left.length > 0 ? Object.fromEntries(left) : null);
  } catch {
    // Without storage there is nothing to sweep.
  }
}

/** An unsent item has its own key behind the id. @param {string} name */
function ownerOf(name) {
  const id = OWNED.exec(name)?.[1] ?? null;
  return id !== null && name.startsWith("hubbub:unsent:") ? id.slice(0, id.lastIndexOf(":")) : id;
}
