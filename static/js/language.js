// Which language the page speaks, and how it writes dates and numbers. The choice is made once per load.

import { recall, remember } from "./memory.js";

/** @typedef {"en" | "de"} Language */

/** The languages there are texts in, by their own names. @type {ReadonlyMap<Language, string>} */
export const LANGUAGES = new Map([["en", "English"], ["de", "Deutsch"]]);

/** What one chose on this page; null leaves it to the browser. @returns {Language | null} */
export function chosenLanguage() {
  const chosen = recall("language");
  return LANGUAGES.has(chosen) ? chosen : null;
}

/** @param {Language | null} language */
export const chooseLanguage = (language) => remember("language", language);

/**
 * The first of the languages the reader understands that we speak.
 * @param {Language | null} chosen @param {readonly string[]} understood @returns {Language}
 */
export function pickLanguage(chosen, understood) {
  if (chosen !== null) return chosen;
  for (const tag of understood) {
    const language = /** @type {Language} */ (tag.toLowerCase().split("-")[0]);
    if (LANGUAGES.has(language)) return language;
  }
  return "en";
}

/** Dates and numbers follow the region of the browser where that speaks the same language: 14:05 for en-GB.
 * @param {Language} language @param {readonly string[]} understood */
export function pickLocale(language, understood) {
  return understood.find((tag) => tag.toLowerCase().split("-")[0] === language) ?? language;
}

const understood = globalThis.navigator?.languages ?? [];
export const language = pickLanguage(chosenLanguage(), understood);
export const locale = pickLocale(language, understood);
