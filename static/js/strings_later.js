// The English texts of dialogs and of the search, which are fetched with the first of them, so that they cost the first
// load nothing.

export const ENGLISH_LATER = {
  "dialog.close": "Close",

  "room.link": "Link to this room",
  "room.copy": "Copy link",
  "room.copied": "Copied",
  "room.copyByHand": "Selected: copy it with Ctrl+C",
  "room.notify": "Notify me of",
  "room.notify.all": "Every message",
  "room.notify.mentions": "Mentions",
  "room.notify.none": "Nothing",
  "room.leave": "Leave room",

  "notify.on": "Notifications are on.",
  "notify.ask": "Turn on notifications",
  "notify.denied": "Your browser blocks notifications from this page. Allow them in its settings.",
  "notify.unsupported": "There are no notifications here: browsers allow them on https pages only.",

  "settings.language": "Language",
  "settings.automatic": "As the browser",
  "settings.notifications": "Notifications",
  "settings.muted": "People you muted",
  "settings.nobodyMuted": "Nobody. Click a name to mute somebody.",
  "settings.keys": "Keyboard shortcuts",

  "person.here": "Is here",
  "person.mute": "Mute",
  "person.unmute": "Unmute",
  "person.muted": "You do not see what they write, in this browser.",
  "person.muteHint": "You will not see what they write, in this browser. They are not told.",
  "person.about": (/** @type {string} */ name) => `About ${name}`,

  "switcher.label": "Go to a room",
  "switcher.hint": "Find a room",
  "switcher.join": (/** @type {string} */ room) => `Join or create ${room}`,
  "switcher.none": "No room is called that.",

  "keys.title": "Keyboard shortcuts",
  "keys.switcher": "Go to a room",
  "keys.nextUnread": "Next unread room",
  "keys.previousUnread": "Previous unread room",
  "keys.next": "Next room",
  "keys.previous": "Previous room",
  "keys.latest": "To the latest message; closes what is open",
  "keys.send": "Send",
  "keys.newLine": "New line",
  "keys.help": "This list",

  "search.busy": "Searching…",
  "search.none": "Nothing found.",
  "search.noneYet": "Nothing found so far.",
  "search.count": (/** @type {string} */ count) => (count === "1" ? "1 message" : `${count} messages`),
  "search.failed": "Searching did not work. Try again.",
  "search.unreachable": "You are not connected right now.",
  "search.rate_limited": "That was a lot of searching. Wait a moment.",
  "search.bad_field": "Type 1 to 100 characters.",
};
