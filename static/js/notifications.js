// Desktop notifications: one per message or invitation however many tabs are open, none for what somebody reads in any of
// them, and only for what the room's setting lets through.

import { isLookedAt } from "./attendance.js";
import { plainText } from "./lib/markup.js";
import { mentions } from "./mention.js";
import { NEWS, notificationState } from "./notify.js";
import { START, comparePositions } from "./position.js";

/**
 * @typedef {import("./protocol.js").MessageFrame} MessageFrame
 * @typedef {import("./store.js").MessageDetail} MessageDetail
 * @typedef {import("./store.js").InvitedDetail} InvitedDetail
 * @typedef {import("./preferences.js").Preferences} Preferences
 */

/** As long as it takes another tab or device to say that somebody reads it there. */
const WAIT_MS = 500;
/** As long as another tab may lag behind this one and still be kept from telling the same again. */
const CLAIM_MS = 10_000;
/** Of a burst, nobody needs more than its end. */
const MOST_CLAIMS = 20;
const BODY_CHARS = 200;
/** Where an invitation stands among messages: it is no entry of the room's log. */
const NOWHERE = "";

/**
 * Whether a message may call at all.
 * @param {MessageDetail} detail @param {import("./protocol.js").User | null} me @param {Preferences} preferences
 */
export function mayNotify({ room, message, news }, me, preferences) {
  if (!news || me === null || message.from.id === me.id || preferences.isMuted(message.from)) return false;
  const level = preferences.levelOf(room);
  return level === "all" || (level === "mentions" && mentions(message, me));
}

/**
 * @param {import("./store.js").Store} store @param {Preferences} preferences @param {(room: string) => void} open
 * @param {Event[]} early what came before all of this did
 */
export function notifyOfMessages(store, preferences, open, early) {
  /** What waits to be told, by room. @type {Map<string, MessageFrame[]>} */
  const waiting = new Map();
  /** What is on screen, by room. @type {Map<string, Notification>} */
  const shown = new Map();

  /** @param {MessageDetail} detail */
  const call = (detail) => {
    if (!mayNotify(detail, store.me, preferences)) return;
    const { room, message } = detail;
    const more = waiting.get(room);
    if (more) {
      more.push(message);
      if (more.length > MOST_CLAIMS) more.shift();
      return;
    }
    waiting.set(room, [message]);
    setTimeout(() => void tell(room), WAIT_MS);
  };
  /** @param {Event} event */
  const hear = (event) => {
    const { detail } = /** @type {CustomEvent<MessageDetail | InvitedDetail>} */ (event);
    if ("message" in detail) return call(detail);
    const { room, by, text } = detail;
    // It speaks to us as a message does that names us.
    const named = store.me ? [store.me.id] : [];
    call({ room, message: { type: "message", room, position: NOWHERE, key: "", at: 0, from: by, text, mentions: named }, news: true });
  };
  for (const what of NEWS) store.addEventListener(what, hear);
  early.forEach(hear);
  store.addEventListener("room", (event) => {
    const room = /** @type {CustomEvent<string>} */ (event).detail;
    if (!shown.has(room) || (store.rooms.get(room)?.unread ?? 0) > 0) return;
    shown.get(room)?.close();
    shown.delete(room);
  });
  navigator.serviceWorker?.addEventListener("message", ({ data }) => {
    if (data?.type === "open" && typeof data.room === "string") open(data.room);
  });

  /** @param {string} name */
  async function tell(name) {
    const messages = waiting.get(name) ?? [];
    waiting.delete(name);
    const room = store.rooms.get(name);
    // The permission lies with another process: asked for each message of a burst, it would take half of the burst's time.
    // Whoever has the room before them sees there what is new.
    if (!room || (name === store.current && isLookedAt()) || notificationState() !== "granted") return;
    const unread = messages.filter(({ position }) =>
      position === NOWHERE ? room.invited : comparePositions(position, room.read ?? START) > 0);
    const ours = await claim(unread);
    const last = ours.at(-1);
    if (!last) return;
    const text = plainText(last.text);
    const body = text.length > BODY_CHARS ? `${text.slice(0, BODY_CHARS)}…` : text;
    const title = `${last.from.name} · ${room.title}`;
    const options = /** @type {NotificationOptions} */ ({
      body, icon: iconAddress(), data: { room: name }, tag: `hubbub:${name}`,
      // Otherwise the second one of a room would come without a sound.
      renotify: true,
    });
    const notification = await show(title, options);
    if (!notification) return;
    shown.set(name, notification);
    notification.onclick = () => {
      window.focus();
      notification.close();
      open(name);
    };
  }
}

/** Those that no other tab tells already. Who gets a message's lock keeps it long enough for all others to miss it.
 * @param {MessageFrame[]} messages */
async function claim(messages) {
  const { locks } = navigator;
  if (!locks) return messages;
  const ours = messages.map(
    (message) =>
      new Promise((/** @type {(ours: MessageFrame[]) => void} */ resolve) => {
        const name = `hubbub:notify:${message.room}:${message.position}`;
        const hold = (/** @type {Lock | null} */ lock) => {
          resolve(lock ? [message] : []);
          return lock ? new Promise((done) => setTimeout(done, CLAIM_MS)) : null;
        };
        locks.request(name, { ifAvailable: true }, hold).catch(() => resolve([message]));
      }),
  );
  return (await Promise.all(ours)).flat();
}

/** @param {string} title @param {NotificationOptions} options @returns {Promise<Notification | null>} */
async function show(title, options) {
  try {
    return new Notification(title, options);
  } catch {
    // Phones show them by the service worker alone, which opens the room too.
    const worker = await navigator.serviceWorker?.getRegistration();
    await worker?.showNotification(title, options).catch(() => {});
    return null;
  }
}

function iconAddress() {
  return document.querySelector('link[rel="manifest"]')?.getAttribute("href")?.replace("manifest.webmanifest", "icon.svg") ?? "";
}
