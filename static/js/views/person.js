// One person: who they are, and whether one wants to read them.

import { build } from "../lib/build.js";
import { paintAvatar } from "../lib/dom.js";
import { strings } from "../strings.js";
import { openDialog } from "./dialog.js";

/** @param {import("../protocol.js").User} user @param {boolean} isHere @param {import("../preferences.js").Preferences} preferences */
export function showPerson(user, isHere, preferences) {
  const avatar = build("span", { class: "avatar large", "aria-hidden": "true" });
  paintAvatar(avatar, user);
  const hint = build("p", { class: "muted", role: "status" });
  const button = build("button", { class: "choice mute", type: "button", click: () => toggle() });
  const draw = () => {
    const muted = preferences.isMuted(user);
    hint.textContent = muted ? strings["person.muted"] : strings["person.muteHint"];
    button.textContent = muted ? strings["person.unmute"] : strings["person.mute"];
  };
  const toggle = () => {
    preferences.mute(user, !preferences.isMuted(user));
    draw();
  };
  draw();
  const state = build("p", { class: "muted" }, isHere ? strings["person.here"] : "");
  openDialog(user.name, "person", build("div", { class: "person-head" }, avatar, state), button, hint);
}
