// Says whether notifications can be shown here, and offers to turn them on: browsers want to be asked by a click.

import { build } from "../lib/build.js";
import { ALLOWED, notificationState } from "../notify.js";
import { strings } from "../strings.js";

export function notifyState() {
  const place = build("div", { class: "notify-state" });
  const draw = () => {
    const state = notificationState();
    if (state === "granted") dispatchEvent(new Event(ALLOWED));
    if (state === "default") {
      const ask = () => void Notification.requestPermission().then(draw);
      place.replaceChildren(build("button", { class: "choice", type: "button", click: ask }, strings["notify.ask"]));
      return;
    }
    const text = { granted: strings["notify.on"], denied: strings["notify.denied"], unsupported: strings["notify.unsupported"] };
    place.replaceChildren(build("p", { class: "muted" }, text[state]));
  };
  draw();
  return place;
}
