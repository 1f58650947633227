// The signed-in app: builds the parts, joins them, and knows which room is open. main.js decides when it starts.

import { isRoomName, roomInPath } from "./address.js";
import { followAttendance } from "./attendance.js";
import { offerCommands } from "./commands.js";
import { Connection } from "./connection.js";
import { Invitations } from "./invitations.js";
import { newKey } from "./keys.js";
import { button, byId, element, paintAvatar, setText } from "./lib/dom.js";
import { onLostTime, perFrame, sleep } from "./lib/timing.js";
import { fitToKeyboard } from "./lib/viewport.js";
import * as memory from "./memory.js";
import { notifyOfMessages } from "./notifications.js";
import { Preferences } from "./preferences.js";
import { hasPrivateRooms, mostRooms } from "./private.js";
import { PROTOCOL } from "./protocol.js";
import { Reads, openChannel } from "./reads.js";
import { listRooms } from "./session.js";
import { Store } from "./store.js";
import { strings } from "./strings.js";
import { Talking } from "./talking.js";
import { LongPollTransport } from "./transport/long_poll.js";
import { WebSocketTransport, socketUrl } from "./transport/websocket.js";
import { Unsent } from "./unsent.js";
import { announceMessages } from "./views/announcer.js";
import { showAttention } from "./views/attention.js";
import { ComposerView } from "./views/composer.js";
import { offerFirstUnread } from "./views/first_unread.js";
import { MembersView } from "./views/members.js";
import { MessagesView } from "./views/messages.js";
import { RoomsView, closeDrawer } from "./views/rooms.js";
import { StatusView } from "./views/status.js";

const LOBBY = "lobby";
const DIRECTORY_EVERY_MS = 30_000;

export class App {
  #store = new Store();
  #unsent = new Unsent({ shelf: memory.openShelf(), now: Date.now, newKey });
  #preferences = new Preferences();
  #connection;
  #reads;
  #messages;
  #composer;
  #status;
  #running = false;
  #onsignedout;
  #directoryAt = -DIRECTORY_EVERY_MS;
  #invitations = new Invitations(this.#store);
  #blocked = memory.recallBlocked();
  #field = byId("composer-text", HTMLTextAreaElement);

  /** @param {() => void} onsignedout the server ended the session */
  constructor(onsignedout) {
    this.#onsignedout = onsignedout;
    const store = this.#store;
    const connection = new Connection({
      store,
      unsent: this.#unsent,
      open: (over, callbacks) => this.#openTransport(over, callbacks),
      now: () => performance.now(),
      random: Math.random,
      blocked: this.#blocked,
    });
    this.#connection = connection;
    this.#reads = new Reads({
      store,
      shelf: memory.reads,
      channel: openChannel(),
      tell: (room, position) => connection.read(room, position),
      later: (ms, act) => setTimeout(act, ms),
    });
    const preferences = this.#preferences;
    store.isMuted = (user) => preferences.isMuted(user);
    preferences.addEventListener("change", () => store.apply({ type: "@muted" }));
    this.#messages = new MessagesView(store, this.#unsent, {
      loadOlder: (room) => connection.loadOlder(room),
      retry: (key) => this.#retry(key),
      remove: (key) => void this.#unsent.remove(key),
      attend: followAttendance(store),
    });
    this.#composer = new ComposerView(store, {
      send: (room, text) => {
        connection.post(room, text, talking.deed(room));
        this.#messages.jump();
      },
      typing: (room, on) => connection.typing(room, on),
    });
    const talking = new Talking({
      store,
      connection,
      messages: this.#messages,
      compose: () => this.#composer.focus(),
      open: (room) => this.open(room),
      leave: (room) => this.#leave(room),
      notice: (text) => this.notice(text),
    });
    this.#status = new StatusView(store, connection);
    new RoomsView(store, {
      open: (room) => this.open(room),
      leave: (room) => this.#leave(room),
      isQuiet: (room) => preferences.levelOf(room) === "none",
    });
    showAttention(store, preferences);
    offerFirstUnread(store, this.#messages, () => talking.goToUnread());
    notifyOfMessages(store, preferences, (room) => this.open(room));
    offerCommands({
      store,
      preferences,
      open: (room) => this.open(room),
      leave: (room) => this.#leave(room),
      latest: () => this.#messages.jump(),
      write: () => this.#composer.focus(),
      notice: (text) => this.notice(text),
      isRunning: () => this.#running,
      talk: talking,
    });
    new MembersView(store);
    announceMessages(store);
    this.#listen();
    this.#listenToBrowser();
    fitToKeyboard();
  }

  /** Begins, or goes on after signing in again. @param {import("./protocol.js").User} user
   * @param {string} [before] the id of a session that has ended, to which they return */
  start(user, before = user.id) {
    // Another person takes over this page: nothing of the one before may stay on it or be sent in their name.
    if (memory.isOther(this.#store.me, user)) {
      this.end();
      return location.reload();
    }
    this.#store.apply({ type: "@user", user });
    this.#unsent.load(user.id, before);
    this.#preferences.load(user.name);
    this.#reads.load();
    paintAvatar(element("me-avatar"), user);
    setText(element("me-name"), user.name);
    element("app").hidden = false;
    this.#running = true;
    // One that is none would be held against a poll as a whole.
    const rooms = before === user.id ? memory.recallRooms(before) : memory.takeOverRooms(before);
    const remembered = [...rooms, ...this.#unsent.rooms].filter(isRoomName);
    for (const room of remembered) this.#connection.join(room);
    this.#invitations.load();
    if (this.#store.current !== null) this.open(this.#store.current, true);
    else if (!this.#openAddress()) this.open(LOBBY, true);
    this.#connection.start();
    void this.#refreshDirectory();
  }

  /** Stops talking to the server; what is on the page stays for whoever signs in next from here. */
  stop() {
    this.#running = false;
    this.#connection.stop();
    element("app").hidden = true;
    // One that stays open would lie over the form and keep everybody from it.
    for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  }

  /** Stops for good, so that nothing is written down when the page goes. */
  end() {
    this.stop();
    this.#reads.forget();
    // What stands in there would be kept as a draft.
    this.#field.value = "";
  }

  /** What does not outlive the session: who signs in anew is somebody else, whom nobody has invited yet. */
  get hasPrivateRooms() {
    return hasPrivateRooms(this.#store);
  }

  /** Something was written that nobody has got yet, in this tab or another one. */
  get hasUnsent() {
    return this.#unsent.rooms.length > 0 || this.#field.value.trim() !== "" || memory.keepsUnsent();
  }

  /** Shows a room and becomes its member. @param {string} room @param {boolean} [replace] keep the browser's history */
  open(room, replace = false) {
    this.#connection.join(room);
    this.#store.apply({ type: "@open", room });
    this.#rememberRooms();
    const path = `/r/${room}`;
    if (location.pathname !== path) history[replace ? "replaceState" : "pushState"](null, "", path);
    this.#messages.open(room);
    this.#renderTitle();
    closeDrawer(false);
    // On a touch screen that would bring up its keyboard; somebody without any pointer needs it most.
    if (!matchMedia("(hover: none) and (pointer: coarse)").matches) this.#composer.focus();
    if (this.#store.open?.version === null) this.#connection.askMembers(room);
  }

  /** Shows the room that the address names, if it is about one, and puts the address into its usual form. */
  #openAddress() {
    const room = roomInPath(location.pathname);
    if (room === null) return false;
    const { current, forgotten } = this.#store;
    // The browser's history also leads to rooms that one left for good.
    const there = current !== null && forgotten.has(room) ? current : room;
    this.open(there === "" ? LOBBY : there, true);
    if (room === "") this.notice(strings["rooms.noSuchAddress"]);
    return true;
  }

  /** @param {string} room */
  #leave(room) {
    if (!this.#store.rooms.has(room)) return;
    const wasOpen = this.#store.current === room;
    this.#connection.leave(room);
    for (const { key } of this.#unsent.list(room)) this.#unsent.remove(key);
    this.#rememberRooms();
    const next = [...this.#store.rooms.values()].find((other) => !other.closed)?.name ?? LOBBY;
    // Going back must not lead into it again.
    if (wasOpen) this.open(next, true);
  }

  /** A room that shut us out is asked once more, because it may have been opened again. @param {string} key */
  #retry(key) {
    const room = this.#unsent.roomOf(key);
    if (room === null) return;
    this.#connection.join(room);
    this.#unsent.retry(key);
    this.#connection.flush(room);
  }

  #rememberRooms() {
    const { me, rooms } = this.#store;
    const names = [...rooms.values()].filter((room) => !room.closed).map((room) => room.name);
    // More than may be followed would only be refused the next time.
    if (me) memory.rememberRooms(me.id, names.slice(0, mostRooms(this.#store)));
  }

  #renderTitle() {
    const room = this.#store.open;
    if (!room) return;
    setText(element("room-title"), room.title);
    this.#composer.open(room.name, room.title);
  }

  #listen() {
    const store = this.#store;
    store.addEventListener("rooms", perFrame(() => this.#renderTitle()));
    store.addEventListener("hello", () => this.#checkBuild());
    for (const change of ["closed", "added"]) store.addEventListener(change, () => this.#rememberRooms());
    store.addEventListener("notice", (event) => this.notice(/** @type {CustomEvent<string>} */ (event).detail));
    // The words about an invitation go when one has looked, here or in another tab.
    let invited = "";
    store.addEventListener("invited", (event) => {
      invited = /** @type {CustomEvent<import("./store.js").InvitedDetail>} */ (event).detail.room;
      const text = element("notice-text").textContent;
      store.addEventListener("room", function look() {
        if (store.rooms.get(invited)?.invited) return;
        store.removeEventListener("room", look);
        if (element("notice-text").textContent === text) element("notice").hidden = true;
      });
    });
    const connection = this.#connection;
    connection.addEventListener("status", () => this.#onStatus());
    connection.addEventListener("stranger", () => location.reload());
    button("notice-close").addEventListener("click", () => {
      element("notice").hidden = true;
      this.#composer.focus();
    });
    button("reload").addEventListener("click", () => location.reload());
  }

  #listenToBrowser() {
    const nudge = (/** @type {"wake" | "online" | "offline"} */ event) => {
      if (this.#running) this.#connection.nudge(event);
    };
    addEventListener("online", () => nudge("online"));
    addEventListener("offline", () => nudge("offline"));
    addEventListener("pageshow", () => nudge("wake"));
    addEventListener("pagehide", () => this.#reads.flush());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) return;
      nudge("wake");
      void this.#refreshDirectory();
    });
    onLostTime(() => nudge("wake"));
    addEventListener("storage", ({ key, newValue }) => this.#unsent.rewritten(key, newValue));
    addEventListener("popstate", () => {
      if (this.#running) this.#openAddress();
    });
    button("drawer-open").addEventListener("click", () => void this.#refreshDirectory());
    setInterval(() => this.#eachSecond(), 1_000);
  }

  #eachSecond() {
    if (!this.#running) return;
    this.#store.apply({ type: "@time" });
    this.#connection.housekeep();
    this.#status.render();
    if (!document.hidden && performance.now() - this.#directoryAt > DIRECTORY_EVERY_MS) void this.#refreshDirectory();
  }

  async #refreshDirectory() {
    if (!this.#running) return;
    this.#directoryAt = performance.now();
    const rooms = await listRooms();
    if (rooms && this.#running) this.#store.apply({ type: "@directory", rooms });
  }

  #onStatus() {
    const { status } = this.#connection;
    if (this.#connection.blocked !== this.#blocked) {
      this.#blocked = this.#connection.blocked;
      memory.rememberBlocked(this.#blocked);
    }
    if (this.#running && status.kind === "halted" && status.why === "signed_out") {
      this.stop();
      this.#onsignedout();
    }
  }

  #checkBuild() {
    const own = document.querySelector('meta[name="build"]')?.getAttribute("content")?.split("/").pop() ?? "";
    const { build, protocol } = this.#store;
    const differs = build !== "" && own !== "" && !own.includes("%") && build !== own;
    button("reload").hidden = !differs && protocol === PROTOCOL;
  }

  /** @param {string} text */
  notice(text) {
    setText(element("notice-text"), text);
    element("notice").hidden = false;
  }

  /** @param {"websocket" | "long_poll"} over @param {import("./transport/websocket.js").Callbacks} callbacks */
  #openTransport(over, callbacks) {
    if (over === "websocket") return new WebSocketTransport(socketUrl(location), callbacks);
    return new LongPollTransport(callbacks, {
      fetch: (path, options) => fetch(path, options),
      sleep,
      cursor: (room) => this.#store.cursor(room),
      hidden: () => document.hidden,
      now: () => performance.now(),
    });
  }
}
