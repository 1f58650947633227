// Texte für später: the German texts of dialogs and of the search, which are fetched with the first of them, so that
// they cost the first load nothing.

/** @type {typeof import("./strings_later.js").ENGLISH_LATER} */
export const GERMAN_LATER = {
  "dialog.close": "Schließen",

  "room.link": "Link zu diesem Raum",
  "room.copy": "Link kopieren",
  "room.copied": "Kopiert",
  "room.copyByHand": "Markiert: kopiere mit Strg+C",
  "room.notify": "Benachrichtigen bei",
  "room.notify.all": "Jeder Nachricht",
  "room.notify.mentions": "Erwähnungen",
  "room.notify.none": "Nichts",
  "room.leave": "Raum verlassen",

  "notify.on": "Benachrichtigungen sind an.",
  "notify.ask": "Benachrichtigungen einschalten",
  "notify.denied": "Dein Browser blockiert Benachrichtigungen dieser Seite. Erlaube sie in seinen Einstellungen.",
  "notify.unsupported": "Hier gibt es keine Benachrichtigungen: der Browser erlaubt sie nur auf https-Seiten.",

  "settings.language": "Sprache",
  "settings.automatic": "Wie der Browser",
  "settings.notifications": "Benachrichtigungen",
  "settings.muted": "Leute, die du stumm geschaltet hast",
  "settings.nobodyMuted": "Niemand. Klick auf einen Namen, um jemanden stumm zu schalten.",
  "settings.keys": "Tastenkürzel",

  "person.here": "Ist hier",
  "person.mute": "Stumm schalten",
  "person.unmute": "Wieder lesen",
  "person.muted": "Du siehst in diesem Browser nicht, was diese Person schreibt.",
  "person.muteHint": "Dann siehst du in diesem Browser nicht mehr, was diese Person schreibt. Sie erfährt nichts davon.",
  "person.about": (name) => `Über ${name}`,

  "switcher.label": "Zu einem Raum wechseln",
  "switcher.hint": "Raum suchen",
  "switcher.join": (room) => `${room} betreten oder anlegen`,
  "switcher.none": "Kein Raum heißt so.",

  "keys.title": "Tastenkürzel",
  "keys.switcher": "Zu einem Raum wechseln",
  "keys.nextUnread": "Nächster ungelesener Raum",
  "keys.previousUnread": "Voriger ungelesener Raum",
  "keys.next": "Nächster Raum",
  "keys.previous": "Voriger Raum",
  "keys.latest": "Zur neuesten Nachricht; schließt Offenes",
  "keys.send": "Senden",
  "keys.newLine": "Neue Zeile",
  "keys.help": "Diese Übersicht",

  "search.busy": "Suche läuft…",
  "search.none": "Nichts gefunden.",
  "search.noneYet": "Bis hierhin nichts gefunden.",
  "search.count": (count) => (count === "1" ? "1 Nachricht" : `${count} Nachrichten`),
  "search.failed": "Die Suche ging nicht. Versuch es noch einmal.",
  "search.unreachable": "Du bist gerade nicht verbunden.",
  "search.rate_limited": "Das waren viele Suchen. Warte einen Moment.",
  "search.bad_field": "Gib 1 bis 100 Zeichen ein.",
};
