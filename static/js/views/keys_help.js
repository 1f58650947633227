// The list of keyboard shortcuts.

import { language } from "../language.js";
import { build } from "../lib/build.js";
import { strings } from "../strings.js";
import { openDialog } from "./dialog.js";

const MAC = /Mac|iPhone|iPad/.test(globalThis.navigator?.platform ?? "");
const CTRL = MAC ? "⌘" : language === "de" ? "Strg" : "Ctrl";
const ALT = MAC ? "⌥" : "Alt";

/** @type {[string[], keyof import("../strings.js").Strings][]} */
const KEYS = [
  [[CTRL, "K"], "keys.switcher"],
  [[ALT, "Shift", "↓"], "keys.nextUnread"],
  [[ALT, "Shift", "↑"], "keys.previousUnread"],
  [[ALT, "↓"], "keys.next"],
  [[ALT, "↑"], "keys.previous"],
  [["Esc"], "keys.latest"],
  [["Enter"], "keys.send"],
  [["Shift", "Enter"], "keys.newLine"],
  [["?"], "keys.help"],
  [[CTRL, "/"], "keys.help"],
];

export function showKeys() {
  const lines = KEYS.map(([keys, text]) =>
    build(
      "div",
      { class: "key-line" },
      build("dt", {}, ...keys.map((key) => build("kbd", {}, key))),
      build("dd", {}, String(strings[text])),
    ),
  );
  openDialog(strings["keys.title"], "keys-help", build("dl", { class: "key-list" }, ...lines));
}
