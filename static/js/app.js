// The signed-in app: builds the parts, joins them, and knows which room is open. main.js decides when it starts.

import { isRoomName, roomInPath } from "./address.js";
import { followAttendance } from "./attendance.js";
import { offerCommands } from "./commands.js";
import { Connection } from "./connection.js";
import { uncover } from "./covers.js";
import { newKey } from "./keys.js";
import { button, byId, element, paintAvatar, setText } from "./lib/dom.js";
import { onLostTime, perFrame, sleep } from "./lib/timing.js";
import { fitToKeyboard } from "./lib/viewport.js";
import * as memory from "./memory.js";
import { notifyOnceAllowed } from "./notify.js";
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
import { NoticeView } from "./views/notice.js";
import { RoomsView, closeDrawer } from "./views/rooms.js";
import { StatusView } from "./views/status.js";

const LOBBY = "lobby";
const DIRECTORY_EVERY_MS = 30_000;
/** Within so long of coming back, the rooms are listed anew. */
const BACK_MS = 1_500;

export class App {
  #store = new Store();
  #unsent = new Unsent({ shelf: memory.openShelf(), now: Date.now, newKey });
  #preferences = new Preferences();
  #connection;
  #reads;
  #messages;
  #composer;
  #status;
  #notice;
  #running = false;
  #greeted = false;
  #onsignedout;
  #directoryAt = -DIRECTORY_EVERY_MS;
  #blocked = memory.recallBlocked();
  #field = byId("composer-text", HTMLTextAreaElement);
  /** Where we are in the browser's history, counted from the first room of this page. */
  #at = Number(history.state);

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
        connection.post(room, text, talking.deed());
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
    this.#notice = new NoticeView(store, (room) => this.open(room), () => this.#composer.focus());
    new RoomsView(store, {
      open: (room) => this.open(room),
      leave: (room) => this.#leave(room),
      isQuiet: (room) => preferences.levelOf(room) === "none",
    });
    showAttention(store, preferences);
    offerFirstUnread(store, this.#messages, () => talking.goToUnread());
    notifyOnceAllowed(store, preferences, (room) => this.open(room));
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
    const { me } = this.#store;
    this.#store.apply({ type: "@user", user: { ...user, former: memory.rememberId(user) } });
    if (before !== user.id || (me && me.id !== user.id)) {
      // Where another tab was first, what is being changed by now is theirs.
      this.#composer.extend(before !== user.id ? memory.takeOverEdits : () => {});
      this.#notice.leadNowhere();
    }
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
    if (this.#store.current !== null) this.open(this.#store.current, true);
    else if (!this.#openAddress()) this.open(LOBBY, true);
    this.#connection.start();
    if (navigator.onLine === false) this.#connection.nudge("offline");
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
    this.#connection.end();
    this.stop();
    this.#reads.forget();
    // What stands in there would be kept as a draft.
    this.#field.value = "";
  }

  get isRunning() {
    return this.#running;
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
    // What is open may be about the other room.
    if (room !== this.#store.current) uncover();
    this.#connection.join(room);
    this.#store.apply({ type: "@open", room });
    this.#rememberRooms();
    const path = `/r/${room}`;
    if (location.pathname !== path && !replace) history.pushState(this.#at += 1, "", path);
    else history.replaceState(this.#at, "", path);
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
    memory.forgetEdits(room);
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
    const title = element("room-title");
    setText(title, title.title = room.title);
    this.#composer.open(room.name, room.title);
  }

  #listen() {
    const store = this.#store;
    store.addEventListener("rooms", perFrame(() => this.#renderTitle()));
    store.addEventListener("hello", () => {
      this.#checkBuild();
      // Whoever was away was not told of rooms they were let into. Many may come back at once.
      if (this.#greeted) setTimeout(() => void this.#refreshDirectory(), Math.random() * BACK_MS);
      this.#greeted = true;
    });
    for (const change of ["closed", "added"]) store.addEventListener(change, () => this.#rememberRooms());
    const connection = this.#connection;
    connection.addEventListener("status", () => this.#onStatus());
    connection.addEventListener("stranger", () => location.reload());
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
    addEventListener("popstate", () => this.#onTravel());
    button("drawer-open").addEventListener("click", () => void this.#refreshDirectory());
    setInterval(() => this.#eachSecond(), 1_000);
  }

  /** Somebody goes back or forward: what lies over the room is closed first, and they stay in it. */
  #onTravel() {
    // The link to the message box makes entries of its own.
    const to = history.state ?? this.#at + 1;
    const way = this.#at - to;
    if (this.#running && way !== 0 && uncover()) return history.go(way);
    this.#at = to;
    if (this.#running && way !== 0) this.#openAddress();
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
    this.#notice.say(text);
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
