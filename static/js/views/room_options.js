// What one can do with a room: pass on its address, choose what it may call for, leave it.

import { build } from "../lib/build.js";
import { LEVELS } from "../preferences.js";
import { isDirect, isPrivate } from "../protocol.js";
import { strings } from "../strings.js";
import { openDialog, section } from "./dialog.js";
import { notifyState } from "./notify_state.js";

/**
 * @param {{ name: string, title: string }} room @param {import("../preferences.js").Preferences} preferences
 * @param {() => void} leave
 */
export function showRoomOptions(room, preferences, leave) {
  const dialog = openDialog(
    room.title,
    "room-options",
    section(strings["room.link"], link(room.name)),
    section(strings["room.notify"], levels(room.name, preferences), notifyState()),
    // A private room is left for good, and that is done in its list of people.
    isPrivate(room.name) ? "" : build("button", { class: "choice leave-room", type: "button", click: () => { dialog.close(); leave(); } }, strings["room.leave"]),
  );
}

/** @param {string} room */
function link(room) {
  const address = `${location.origin}/r/${room}`;
  const field = build("input", { class: "field", readonly: true, value: address, "aria-label": strings["room.link"], dir: "ltr" });
  const told = build("p", { class: "muted told", role: "status" });
  const copy = async () => {
    field.select();
    told.textContent = (await copied(address)) ? strings["room.copied"] : strings["room.copyByHand"];
  };
  const button = build("button", { class: "primary copy-link", type: "button", click: () => void copy() }, strings["room.copy"]);
  const whom = isPrivate(room) ? [build("p", { class: "muted" }, strings[isDirect(room) ? "room.forTwo" : "room.forInvited"])] : [];
  return build("div", {}, build("div", { class: "with-button" }, field, button), ...whom, told);
}

/** The clipboard is there on https only; elsewhere the browser's own command copies what is selected.
 * @param {string} text */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return document.execCommand("copy");
  }
}

/** @param {string} room @param {import("../preferences.js").Preferences} preferences */
function levels(room, preferences) {
  const names = { all: strings["room.notify.all"], mentions: strings["room.notify.mentions"], none: strings["room.notify.none"] };
  const choices = LEVELS.map((level) => {
    const choice = build("input", {
      type: "radio", name: "level", value: level, checked: preferences.levelOf(room) === level,
      change: () => preferences.setLevel(room, level),
    });
    return build("label", { class: "radio" }, choice, names[level]);
  });
  return build("div", { class: "radios", role: "radiogroup", "aria-label": strings["room.notify"] }, ...choices);
}
