// Which key does what, and which room is the next one. What the keys do is in commands.js.

/**
 * @typedef {"switcher" | "help" | "latest" | "next" | "previous" | "nextUnread" | "previousUnread" | "write"} Command
 * @typedef {Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey" | "isComposing">} Press
 */

/**
 * What a key means; null for a key that is none of our business.
 * @param {Press} press @param {boolean} inField the key goes into a text @param {boolean} nowhere nothing has the focus
 * @returns {Command | null}
 */
export function commandOf({ key, ctrlKey, metaKey, altKey, shiftKey, isComposing }, inField, nowhere) {
  if (isComposing) return null;
  if ((ctrlKey || metaKey) && !altKey) {
    if (!shiftKey && key.toLowerCase() === "k") return "switcher";
    return key === "/" ? "help" : null;
  }
  if (ctrlKey || metaKey) return null;
  if (altKey) {
    if (key === "ArrowDown") return shiftKey ? "nextUnread" : "next";
    return key === "ArrowUp" ? (shiftKey ? "previousUnread" : "previous") : null;
  }
  if (key === "Escape") return "latest";
  if (key === "?" && !inField) return "help";
  // Whoever begins to type without a place to type means the message box.
  return nowhere && key.length === 1 && key !== " " ? "write" : null;
}

/**
 * The next of the wanted rooms after the one that is open, around the end.
 * @param {string[]} rooms in the order of the list @param {string | null} current @param {number} step 1 or -1
 * @param {(room: string) => boolean} [isWanted]
 */
export function nextRoom(rooms, current, step, isWanted = () => true) {
  const start = current === null ? -1 : rooms.indexOf(current);
  for (let turn = 1; turn <= rooms.length; turn += 1) {
    const room = rooms[(start + turn * step + rooms.length * 2) % rooms.length];
    if (room !== undefined && room !== current && isWanted(room)) return room;
  }
  return null;
}
