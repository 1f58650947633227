// One person: write to them alone, mention them here, or do not read them any more.

import { build } from "../lib/build.js";
import { paintAvatar } from "../lib/dom.js";
import { strings } from "../strings.js";
import { openDialog } from "./dialog.js";

/**
 * @param {import("../protocol.js").User} user @param {boolean} isHere @param {import("../preferences.js").Preferences} preferences
 * @param {{ direct: (user: import("../protocol.js").User) => void, mention: (user: import("../protocol.js").User) => void }} talk
 */
export function showPerson(user, isHere, preferences, talk) {
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
  const choice = (/** @type {string} */ kind, /** @type {string} */ text, /** @type {() => void} */ act) =>
    build("button", { class: `choice ${kind}`, type: "button", click: () => { dialog.close(); act(); } }, text);
  const dialog = openDialog(
    user.name,
    "person",
    build("div", { class: "person-head" }, avatar, state),
    choice("direct", strings["person.message"](user.name), () => talk.direct(user)),
    choice("mention-here", strings["person.mention"], () => talk.mention(user)),
    button,
    hint,
  );
}
