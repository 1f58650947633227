// The page's own settings: language, notifications, the people one does not want to read.

import { LANGUAGES, chooseLanguage, chosenLanguage } from "../language.js";
import { build } from "../lib/build.js";
import { strings } from "../strings.js";
import { openDialog, section } from "./dialog.js";
import { notifyState } from "./notify_state.js";

/** @param {import("../preferences.js").Preferences} preferences @param {() => void} showKeys */
export function showSettings(preferences, showKeys) {
  openDialog(
    strings["settings.open"],
    "settings",
    section(strings["settings.language"], languages()),
    section(strings["settings.notifications"], notifyState()),
    section(strings["settings.muted"], muted(preferences)),
    build("button", { class: "choice", type: "button", click: showKeys }, strings["settings.keys"]),
  );
}

/** All texts are made once, so another language is another load; what is being written is kept anyway. */
function languages() {
  const chosen = chosenLanguage();
  const options = [...LANGUAGES].map(([tag, name]) => build("option", { value: tag, lang: tag, selected: chosen === tag }, name));
  const choose = (/** @type {{ target: HTMLSelectElement }} */ { target }) => {
    chooseLanguage(/** @type {import("../language.js").Language | ""} */ (target.value) || null);
    location.reload();
  };
  return build(
    "select",
    { class: "field language", "aria-label": strings["settings.language"], change: choose },
    build("option", { value: "", selected: chosen === null }, strings["settings.automatic"]),
    ...options,
  );
}

/** @param {import("../preferences.js").Preferences} preferences */
function muted(preferences) {
  const list = build("ul", { class: "muted-list" });
  const draw = () => {
    const people = preferences.muted.map((user) => {
      const unmute = () => {
        preferences.mute(user, false);
        draw();
        (list.querySelector("button") ?? list.closest("dialog")?.querySelector("button"))?.focus();
      };
      return build(
        "li",
        {},
        build("span", { dir: "auto", class: "name" }, user.name),
        build("button", { class: "quiet", type: "button", click: unmute }, strings["person.unmute"]),
      );
    });
    list.replaceChildren(...(people.length > 0 ? people : [build("li", { class: "muted" }, strings["settings.nobodyMuted"])]));
  };
  draw();
  return list;
}
