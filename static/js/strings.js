// Every text the page shows at once. This is the English table; another language is a file of its own with the same keys,
// which is fetched only by those who read it. What is opened later, dialogs and the search, has its texts in
// strings_later.js.

import { language, locale } from "./language.js";

/** @typedef {typeof ENGLISH & typeof import("./strings_later.js").ENGLISH_LATER} Strings */

export const ENGLISH = {
  "skip": "Skip to the message box",
  "newVersion": "New version: reload",
  "notLoaded": "This part of the page could not be loaded. Try again, or reload the page.",
  "signOut": "Sign out",
  "signOut.really": "Sign out?",
  "signOut.rooms": "You will not get back into your private rooms and direct messages.",
  "signOut.unsent": "What you have not sent is lost.",
  "signOut.failed": "You are still signed in, because the server cannot be reached. Try again in a moment.",
  "starting": "The server cannot be reached. Trying again…",
  "you": "you",
  "today": "Today",
  "yesterday": "Yesterday",

  "signIn.intro": "Pick a name and start talking.",
  "signIn.again": "Your session has ended. Sign in with the same name to carry on where you were; nothing you wrote is lost.",
  "signIn.againPrivate": "For your private rooms you may need a new invitation.",
  "signIn.label": "Your name",
  "signIn.button": "Join the chat",
  "signIn.empty": "Type a name first.",
  "signIn.bad_name": "That name does not work here. Try letters, digits and spaces, at most 32.",
  "signIn.name_taken": "Someone is using that name right now. Pick another one.",
  "signIn.rate_limited": "Too many tries. Wait a moment and try again.",
  "signIn.unreachable": "The server cannot be reached. Check your network and try again.",
  "signIn.other": "Signing in did not work this time. Try again in a moment.",

  "rooms.label": "Rooms",
  "rooms.open": "Show rooms",
  "rooms.close": "Hide rooms",
  "rooms.joined": "Your rooms",
  "rooms.others": "More rooms",
  "rooms.joinLabel": "Join or create a room",
  "rooms.joinHint": "Join or create a room",
  "rooms.joinButton": "Join",
  "rooms.badName": "Use letters, digits, dashes: for example book-club.",
  "rooms.noSuchAddress": "The address you opened names no room. This is the lobby.",
  "rooms.leave": (/** @type {string} */ room) => `Leave ${room}`,
  "rooms.here": (/** @type {number} */ count) => `${number(count)} here`,
  "rooms.unread": (/** @type {number} */ count) => `${number(count)} new`,
  "rooms.mentioned": (/** @type {number} */ count) => `${number(count)} new, and you are mentioned`,

  "rooms.why.room_closed": "closed",
  "rooms.why.no_such_room": "no such room",
  "rooms.why.forbidden": "not allowed",
  "rooms.why.other": "not joined",

  "refused.room_closed": "This room was closed.",
  "refused.forbidden": (/** @type {string} */ room) => `You are not allowed into ${room}.`,
  "refused.no_such_room": (/** @type {string} */ room) => `There is no room called ${room}.`,
  "refused.private": "This room is private or gone: ask somebody in it to invite you.",
  "refused.direct": "You are neither of the two people of this conversation, or it is gone.",
  "refused.anew": (/** @type {string} */ name) => `You are not in this conversation any more. To go on, write to ${name} anew.`,
  "refused.too_many_rooms": (/** @type {string} */ room) => `You are in as many rooms as allowed. Leave one to join ${room}.`,
  "refused.other": (/** @type {string} */ room) => `Joining ${room} did not work.`,

  "members.label": "Here now",
  "members.toggle": "people here, show or hide the list",
  "members.close": "Hide who is here",
  "members.more": (/** @type {number} */ count) => `and ${number(count)} more`,

  "messages.label": "Messages",
  "messages.news": "New messages",
  "messages.loading": "Loading earlier messages…",
  "messages.start": (/** @type {string} */ room) => `This is the beginning of ${room}.`,
  "messages.empty": (/** @type {string} */ room) => `Nothing has been said in ${room} yet. Say hello, or send somebody the link to this room.`,
  "messages.emptyPrivate": (/** @type {string} */ room) => `Nothing has been said in ${room} yet. The list of people is where you invite somebody.`,
  "messages.emptyDirect": (/** @type {string} */ name) => `This is for you and ${name} alone. Say hello.`,
  "messages.gap": "Some messages are missing here. They are no longer kept on the server.",
  "messages.new": "New",
  "messages.firstUnread": "Jump to first unread",
  "messages.jump": "Jump to latest",
  "messages.jumpCount": (/** @type {number} */ count) => (count === 1 ? "1 new message" : `${number(count)} new messages`),
  "messages.said": (/** @type {string} */ name, /** @type {string} */ text) => `${name}: ${text}`,

  "fate.retry": "Try again",
  "fate.sendAgain": "Send again",
  "fate.delete": "Delete",
  "fate.sending": "Sending…",
  "fate.not_sent": "Not sent: you were away too long.",
  "fate.unknown": "It is not known whether this was sent.",
  "fate.text_too_long": "Not sent: too long.",
  "fate.too_big": "Not sent: too long.",
  "fate.forbidden": "Not sent: you may not write here.",
  "fate.room_closed": "Not sent: this room was closed.",
  "fate.too_many_rooms": "Not sent: you are not in this room.",
  "fate.no_such_room": "Not sent: this room no longer exists.",
  "fate.restoring": "Being restored after an outage…",
  "fate.lost": "Lost in an outage.",
  "fate.other": "Not sent.",

  "composer.label": "Message",
  "composer.hint": (/** @type {string} */ room) => `Message ${room}`,
  "composer.send": "Send",
  "composer.tooLong": "Too long to send: shorten it.",
  "composer.count": (/** @type {number} */ used, /** @type {number} */ limit) => `${number(used)} of ${number(limit)}`,

  "typing.one": (/** @type {string} */ a) => `${a} is typing…`,
  "typing.two": (/** @type {string} */ a, /** @type {string} */ b) => `${a} and ${b} are typing…`,
  "typing.many": "Several people are typing…",

  "status.connecting": "Connecting…",
  "status.waiting": "Not connected. What you write is kept.",
  "status.countdown": (/** @type {number} */ seconds) => `Next try in ${seconds} s.`,
  "status.tryNow": "Try now",
  "status.offline": "You are offline. What you write is sent when you are back.",
  "status.slow": "Connected (slow network mode)",
  "status.forbidden": "The server does not let you in.",
  "status.protocol": "This page and the server no longer understand each other.",
  "status.reload": "Reload",

  "notice.open": "Open",
  "notice.close": "Dismiss",

  "messages.hint": "Arrow keys move between messages. Enter leads to what can be done with one, Escape back.",
  "messages.deleted": "This message was deleted.",
  "messages.edited": "(edited)",
  "messages.editedAt": (/** @type {string} */ when) => `Edited ${when}`,
  "messages.unreachable": "That message is not kept any more.",

  "actions.label": "What to do with this message",
  "actions.react": "React",
  "actions.reply": "Reply",
  "actions.edit": "Edit",
  "actions.delete": "Delete",
  "actions.reallyDelete": "Delete for everybody?",

  "react.pick": "Pick a reaction",
  "react.usual": "Usual reactions",
  "react.other": "Any other emoji",
  "react.add": "Add",
  "react.bad": "One emoji or a short word, without spaces.",
  "react.list": "Reactions",
  "react.with": (/** @type {string} */ emoji) => `React with ${emoji}`,
  "react.who": (/** @type {string} */ emoji, /** @type {string} */ names) => `${names} reacted with ${emoji}`,

  "edit.label": "Edit your message",
  "edit.save": "Save",
  "edit.cancel": "Cancel",
  "edit.hint": "Enter saves, Esc cancels",

  "reply.to": (/** @type {string} */ name) => `Replying to ${name}`,
  "reply.cancel": "Do not reply to it",
  "quote.earlier": "An earlier message",
  "quote.label": (/** @type {string} */ name, /** @type {string} */ text) => `In reply to ${name}: ${text}`,

  "deed.edit": "Not changed:",
  "deed.delete": "Not deleted:",
  "deed.react": (/** @type {string} */ emoji) => `${emoji} was not sent:`,
  "deed.discard": "Discard",
  "deed.why.bad_position": "the message is not kept any more.",
  "deed.why.forbidden": "it is not yours, or was deleted.",
  "deed.why.react.forbidden": "the message was deleted, or has as many different ones as it can hold.",
  "deed.why.text_too_long": "too long.",
  "deed.why.too_big": "too long.",
  "deed.why.room_closed": "this room was closed.",
  "deed.why.no_such_room": "this room no longer exists.",
  "deed.why.not_sent": "you were away too long.",
  "deed.why.unknown": "you were away, and it is not known whether it got through.",
  "deed.why.other": "the server did not take it.",

  "mention.label": "People to mention",

  "search.open": "Search this room",
  "search.close": "Close the search",
  "search.label": "Search",
  "search.hint": "Words, or from:name",
  "search.more": "Search further back",

  "rooms.private": "Private",
  "rooms.direct": "Direct messages",
  "rooms.untitled": "Private room",
  "rooms.isPrivate": "Private: only its people can read this",

  "person.message": (/** @type {string} */ name) => `Message ${name}`,
  "person.mention": "Mention here",

  "people.create": "New private room",
  "people.title": "What is it about?",
  "people.names": "Who is invited?",
  "people.namesHint": "Names, with commas",
  "people.createButton": "Create private room",
  "people.away": "Not here now",
  "people.inviteLabel": "Invite by name",
  "people.inviteHint": "Name",
  "people.inviteButton": "Invite",
  "people.invited": (/** @type {string} */ by, /** @type {string} */ name) => `${by} invited ${name}.`,
  "people.youAreIn": (/** @type {string} */ by, /** @type {string} */ room) => `${by} invited you to ${room}.`,
  "people.departed": (/** @type {string} */ name) => `${name} left for good.`,
  "people.forget": "Leave for good",

  "room.options": "Room: link and notifications",

  "settings.open": "Settings",

  "muted.folded": (/** @type {number} */ count) => (count === 1
    ? "1 message of somebody you muted"
    : `${number(count)} messages of people you muted`),
  "muted.show": "Show",
};

export const strings = /** @type {Strings} */ ({ ...ENGLISH });

/** Gets the texts of the language that was chosen, before anything is shown. Without them the page speaks English. */
export async function speak() {
  if (language === "de") {
    try {
      Object.assign(strings, (await import("./strings_de.js")).GERMAN);
    } catch {
      return;
    }
  }
  document.documentElement.lang = language;
}

/** Gets the texts of dialogs and of the search, before the first of them is opened. */
export async function speakOfMore() {
  const isGerman = document.documentElement.lang === "de";
  const more = isGerman ? (await import("./strings_de_later.js")).GERMAN_LATER : (await import("./strings_later.js")).ENGLISH_LATER;
  Object.assign(strings, more);
}

/** A text by a key made at run time, with a stand-in for keys the table does not have.
 * @param {string} key @param {keyof Strings} otherwise @param {string[]} values */
export function lookUp(key, otherwise, ...values) {
  const table = /** @type {Record<string, string | ((...values: any[]) => string)>} */ (strings);
  const found = table[key] ?? table[otherwise] ?? "";
  return typeof found === "string" ? found : found(...values);
}

/** Fills the texts of the markup: `data-t` for content, `data-t-label` for aria-label, `data-t-title`,
 * `data-t-placeholder`.
 * @param {ParentNode} root */
export function fillTexts(root) {
  for (const node of root.querySelectorAll("[data-t]")) node.textContent = plain(node.getAttribute("data-t"));
  for (const node of root.querySelectorAll("[data-t-label]")) {
    node.setAttribute("aria-label", plain(node.getAttribute("data-t-label")));
  }
  for (const node of root.querySelectorAll("[data-t-title]")) {
    node.setAttribute("title", plain(node.getAttribute("data-t-title")));
  }
  for (const node of root.querySelectorAll("[data-t-placeholder]")) {
    node.setAttribute("placeholder", plain(node.getAttribute("data-t-placeholder")));
  }
}

/** @param {string | null} key */
function plain(key) {
  return lookUp(key ?? "", "composer.label");
}

/** @param {number} value */
function number(value) {
  return value.toLocaleString(locale);
}
