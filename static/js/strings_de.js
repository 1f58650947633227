// Alle Texte auf Deutsch: the German table. It has the keys of the English one in strings.js; tests/js/strings.test.mjs
// says which are missing.

import { locale } from "./language.js";

/** @type {import("./strings.js").Strings} */
export const GERMAN = {
  "skip": "Zum Textfeld springen",
  "newVersion": "Neue Version: neu laden",
  "notLoaded": "Dieser Teil der Seite ließ sich nicht laden. Versuch es noch einmal, oder lade die Seite neu.",
  "signOut": "Abmelden",
  "you": "du",
  "today": "Heute",
  "yesterday": "Gestern",

  "signIn.intro": "Such dir einen Namen aus und leg los.",
  "signIn.again": "Deine Sitzung ist zu Ende. Melde dich an und mach weiter, wo du warst; nichts Geschriebenes ist verloren.",
  "signIn.label": "Dein Name",
  "signIn.button": "Mitreden",
  "signIn.empty": "Gib erst einen Namen ein.",
  "signIn.bad_name": "Dieser Name geht hier nicht. Nimm Buchstaben, Ziffern und Leerzeichen, höchstens 32.",
  "signIn.name_taken": "Diesen Namen benutzt gerade jemand. Nimm einen anderen.",
  "signIn.rate_limited": "Zu viele Versuche. Warte kurz und versuch es noch einmal.",
  "signIn.unreachable": "Der Server ist nicht erreichbar. Prüfe dein Netz und versuch es noch einmal.",
  "signIn.other": "Die Anmeldung hat diesmal nicht geklappt. Versuch es gleich noch einmal.",

  "rooms.label": "Räume",
  "rooms.open": "Räume zeigen",
  "rooms.close": "Räume verbergen",
  "rooms.joined": "Deine Räume",
  "rooms.others": "Weitere Räume",
  "rooms.joinLabel": "Raum betreten oder anlegen",
  "rooms.joinHint": "Raum betreten",
  "rooms.joinButton": "Los",
  "rooms.badName": "Nimm Buchstaben, Ziffern und Bindestriche: zum Beispiel buch-klub.",
  "rooms.noSuchAddress": "Die Adresse, die du geöffnet hast, gehört zu keinem Raum. Das hier ist die Lobby.",
  "rooms.leave": (room) => `${room} verlassen`,
  "rooms.here": (count) => `${number(count)} hier`,
  "rooms.unread": (count) => `${number(count)} neu`,
  "rooms.mentioned": (count) => `${number(count)} neu, und du wirst erwähnt`,

  "rooms.why.room_closed": "geschlossen",
  "rooms.why.no_such_room": "gibt es nicht",
  "rooms.why.forbidden": "nicht erlaubt",
  "rooms.why.other": "nicht dabei",

  "refused.room_closed": "Dieser Raum wurde geschlossen.",
  "refused.forbidden": (room) => `Du darfst nicht in ${room}.`,
  "refused.no_such_room": (room) => `Einen Raum namens ${room} gibt es nicht.`,
  "refused.too_many_rooms": (room) => `Du bist in so vielen Räumen, wie erlaubt sind. Verlasse einen, um ${room} zu betreten.`,
  "refused.other": (room) => `${room} zu betreten hat nicht geklappt.`,

  "members.label": "Gerade hier",
  "members.toggle": "Leute hier, Liste zeigen oder verbergen",
  "members.close": "Verbergen, wer hier ist",
  "members.more": (count) => `und ${number(count)} mehr`,

  "messages.label": "Nachrichten",
  "messages.news": "Neue Nachrichten",
  "messages.loading": "Frühere Nachrichten werden geladen …",
  "messages.start": (room) => `Hier beginnt ${room}.`,
  "messages.empty": (room) => `In ${room} hat noch niemand etwas gesagt. Sag Hallo, oder schick jemandem den Link zu diesem Raum.`,
  "messages.gap": "Hier fehlen Nachrichten. Sie werden auf dem Server nicht mehr aufbewahrt.",
  "messages.new": "Neu",
  "messages.firstUnread": "Zum ersten Ungelesenen",
  "messages.jump": "Zum Neuesten",
  "messages.jumpCount": (count) => (count === 1 ? "1 neue Nachricht" : `${number(count)} neue Nachrichten`),
  "messages.said": (name, text) => `${name}: ${text}`,

  "fate.retry": "Noch einmal",
  "fate.sendAgain": "Noch einmal senden",
  "fate.delete": "Löschen",
  "fate.sending": "Wird gesendet …",
  "fate.not_sent": "Nicht gesendet: du warst zu lange weg.",
  "fate.unknown": "Ob das gesendet wurde, ist nicht bekannt.",
  "fate.text_too_long": "Nicht gesendet: zu lang.",
  "fate.too_big": "Nicht gesendet: zu lang.",
  "fate.forbidden": "Nicht gesendet: du darfst hier nicht schreiben.",
  "fate.room_closed": "Nicht gesendet: dieser Raum wurde geschlossen.",
  "fate.too_many_rooms": "Nicht gesendet: du bist nicht in diesem Raum.",
  "fate.no_such_room": "Nicht gesendet: diesen Raum gibt es nicht mehr.",
  "fate.restoring": "Wird nach einem Ausfall wiederhergestellt …",
  "fate.lost": "Bei einem Ausfall verloren gegangen.",
  "fate.other": "Nicht gesendet.",

  "composer.label": "Nachricht",
  "composer.hint": (room) => `Nachricht an ${room}`,
  "composer.send": "Senden",
  "composer.tooLong": "Zu lang zum Senden: kürze es.",
  "composer.count": (used, limit) => `${number(used)} von ${number(limit)}`,

  "typing.one": (a) => `${a} schreibt …`,
  "typing.two": (a, b) => `${a} und ${b} schreiben …`,
  "typing.many": "Mehrere Leute schreiben …",

  "status.connecting": "Verbinden …",
  "status.waiting": "Nicht verbunden. Was du schreibst, bleibt erhalten.",
  "status.countdown": (seconds) => `Nächster Versuch in ${seconds} s.`,
  "status.tryNow": "Jetzt versuchen",
  "status.offline": "Du bist offline. Was du schreibst, wird gesendet, sobald du zurück bist.",
  "status.slow": "Verbunden (langsames Netz)",
  "status.forbidden": "Der Server lässt dich nicht herein.",
  "status.protocol": "Diese Seite und der Server verstehen sich nicht mehr.",
  "status.reload": "Neu laden",

  "notice.close": "Schließen",

  "dialog.close": "Schließen",

  "room.options": "Raum: Link und Benachrichtigungen",
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

  "settings.open": "Einstellungen",
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
  "muted.folded": (count) => (count === 1
    ? "1 Nachricht von jemandem, den du stumm geschaltet hast"
    : `${number(count)} Nachrichten von Leuten, die du stumm geschaltet hast`),
  "muted.show": "Zeigen",

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
};

/** @param {number} value */
function number(value) {
  return value.toLocaleString(locale);
}
