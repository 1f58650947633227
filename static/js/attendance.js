// Whether somebody is there to see what comes: the page is on screen, has the focus, and shows the end of the room.

/** @param {import("./store.js").Store} store */
export function followAttendance(store) {
  let atEnd = true;
  const settle = () => store.apply({ type: "@attend", on: atEnd && isLookedAt() });
  for (const type of ["focus", "blur", "pageshow"]) addEventListener(type, settle);
  document.addEventListener("visibilitychange", settle);
  settle();
  /** @param {boolean} on the open room shows its latest message */
  return (on) => {
    atEnd = on;
    settle();
  };
}

export function isLookedAt() {
  return !document.hidden && document.hasFocus();
}
