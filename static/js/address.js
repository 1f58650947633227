// The room that the page's address names.

const ROOM_NAME = /^[a-zA-Z0-9_-]{1,64}$/;

/** @param {string} text */
export const isRoomName = (text) => ROOM_NAME.test(text);

/**
 * The room of a path, in lower case. It is "" for an address that means a room and names none: what somebody typed by
 * mistake must not become a room that nobody wanted. It is null for every other address.
 * @param {string} path @returns {string | null}
 */
export function roomInPath(path) {
  const [, name] = /^\/r\/(.*?)\/?$/.exec(path) ?? [];
  if (name === undefined) return null;
  const decoded = decode(name);
  return ROOM_NAME.test(decoded) ? decoded.toLowerCase() : "";
}

/** @param {string} name */
function decode(name) {
  try {
    return decodeURIComponent(name);
  } catch {
    return "";
  }
}
