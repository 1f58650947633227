// Texte für später: the German texts of dialogs and of the search, which are fetched with the first of them, so that
// they cost the first load nothing.

/** @type {typeof import("./strings_later.js").ENGLISH_LATER} */
export const GERMAN_LATER = {
  "dialog.close": "Schließen",

  "room.link": "Link zu diesem Raum",
  "room.forInvited": "Er führt nur die hierher, die eingeladen sind.",
  "room.forTwo": "Er führt nur euch beide hierher.",
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

  "people.namesake": (name) => `Jemand anderes heißt jetzt ${name} und liest dieses Gespräch nicht.`,

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

  "people.noTitle": "Gib ihm zuerst einen Titel.",
  "people.isIn": (name) => `${name} ist dabei.`,
  "people.reallyForget": "Wirklich für immer verlassen?",
  "people.failed": "Das ging nicht. Versuch es gleich noch einmal.",
  "people.why.bad_field": "Dieser Titel ist zu lang oder hat Zeichen, die man nicht sieht.",
  "people.why.bad_name": (name) => `Niemand heißt ${name}.`,
  "people.why.gone": (name) => `${name} ist fort, und der Name vielleicht schon vergeben.`,
  "people.why.unreachable": "Du bist gerade nicht verbunden.",
  "people.why.rate_limited": "Zu viel auf einmal. Warte einen Moment.",
  "people.why.too_many_rooms": "Du bist in so vielen Räumen, wie erlaubt sind. Verlass zuerst einen.",
  "people.why.forbidden": "Das darfst du hier nicht.",
  "people.why.no_such_room": "Diesen Raum gibt es nicht mehr.",
};
