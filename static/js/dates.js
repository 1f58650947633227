// Times, days and lists of names, as the reader's region writes them. A browser takes longest to make the first format of
// all, so each is made when it is needed.

import { locale } from "./language.js";

/** @param {Intl.DateTimeFormatOptions} options @returns {(date: Date | number) => string} */
function dateFormat(options) {
  /** @type {Intl.DateTimeFormat | undefined} */
  let format;
  return (date) => (format ??= new Intl.DateTimeFormat(locale, options)).format(date);
}

export const clock = dateFormat({ hour: "numeric", minute: "2-digit" });
export const fullDate = dateFormat({ dateStyle: "full", timeStyle: "short" });
export const shortDate = dateFormat({ day: "numeric", month: "short", hour: "numeric", minute: "2-digit" });
export const weekday = dateFormat({ weekday: "long", day: "numeric", month: "long" });
export const dayAndYear = dateFormat({ day: "numeric", month: "long", year: "numeric" });

/** @type {Intl.ListFormat | undefined} */
let list;

/** @param {string[]} names */
export function listOf(names) {
  return (list ??= new Intl.ListFormat(locale, { type: "conjunction" })).format(names);
}
