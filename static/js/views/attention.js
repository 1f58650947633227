// What is visible of us while one looks elsewhere: the title with a count, the icon of the tab with a mark, and the badge
// of an installed app. The mark is an SVG of our own in a data address, which the page's policy allows for images.

import { perFrame } from "../lib/timing.js";

/** @typedef {import("../room.js").Room} Room @typedef {import("../preferences.js").Level} Level */

/**
 * How many messages want to be seen, as far as each room's setting lets them.
 * @param {Iterable<Room>} rooms @param {(room: string) => Level} levelOf
 */
export function countAttention(rooms, levelOf) {
  let unread = 0;
  let mentions = 0;
  for (const room of rooms) {
    const level = levelOf(room.name);
    if (room.closed || level === "none") continue;
    unread += room.unread;
    mentions += room.mentions;
  }
  return { unread, mentions };
}

/** @param {{ unread: number, mentions: number }} count @returns {string} an SVG */
export function drawIcon({ unread, mentions }) {
  const mark = mentions > 0
    ? `<circle cx="23" cy="9" r="9" fill="#c62828"/><text x="23" y="13.5" font-family="sans-serif" font-size="13" font-weight="700" text-anchor="middle" fill="#fff">${mentions > 9 ? "9+" : mentions}</text>`
    : `<circle cx="25" cy="7" r="7" fill="#c77700" stroke="#fff" stroke-width="2"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#2f6f6b"/>`
    + `<path d="M8 9.500A2.5 2.5 0 0 1 10.5 7h8A2.5 2.5 0 0 1 21 9.500v4a2.5 2.5 0 0 1-2.5 2.500H13l-3.200 2.900A.5.5 0 0 1 9 18.500V15.600a2.5 2.5 0 0 1-1-2z" fill="#fff"/>`
    + `${unread > 0 ? mark : ""}</svg>`;
}

/** @param {import("../store.js").Store} store @param {import("../preferences.js").Preferences} preferences */
export function showAttention(store, preferences) {
  const icon = document.querySelector('link[rel="icon"]');
  const plain = icon?.getAttribute("href") ?? "";
  let shown = "";
  const render = perFrame(() => {
    const room = store.open;
    if (!room) return;
    const count = countAttention(store.rooms.values(), (name) => preferences.levelOf(name));
    document.title = `${count.unread > 0 ? `(${count.unread}) ` : ""}${room.title} · hubbub`;
    const mark = count.unread === 0 ? "" : `${Math.min(count.mentions, 10)}`;
    if (mark === shown) return;
    shown = mark;
    icon?.setAttribute("href", mark === "" ? plain : `data:image/svg+xml,${encodeURIComponent(drawIcon(count))}`);
    badge(count);
  });
  store.addEventListener("rooms", render);
  preferences.addEventListener("change", render);
}

/** @param {{ unread: number, mentions: number }} count */
function badge({ unread, mentions }) {
  if (!("setAppBadge" in navigator)) return;
  const set = unread === 0 ? navigator.clearAppBadge() : navigator.setAppBadge(mentions > 0 ? mentions : undefined);
  // Only an installed app has a badge, and the browser may forbid it.
  set.catch(() => {});
}
