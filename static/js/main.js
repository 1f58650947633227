// Starts the page: asks who we are, then shows the app or the sign-in form.

import { App } from "./app.js";
import { clock } from "./dates.js";
import { button, element, setText } from "./lib/dom.js";
import { nextTask, sleep } from "./lib/timing.js";
import { twoStep } from "./lib/two_step.js";
import { backoff } from "./liveness.js";
import { forgetPerson, isOther, isSigningIn, isSigningOut, mayBeSignedIn, recallRooms, recallUser, rememberSignedIn, rememberUser } from "./memory.js";
import { prepareForOffline } from "./offline.js";
import { isPrivate } from "./protocol.js";
import { signOut, whoAmI } from "./session.js";
import { fillTexts, speak, strings } from "./strings.js";
import { closeDrawer } from "./views/rooms.js";
import { SignInView } from "./views/sign_in.js";

/** So long the page may stay empty without a word. */
const PATIENCE_MS = 2_500;
/** When to look again whether another tab has signed in, once this one has asked to sign in. */
const LATER_MS = [500, 2_000, 8_000];

/** Everything that shows texts is made once these are there. Whoever looks on a slow phone gets to scroll in between. */
async function build() {
  // It takes a while to come, in which the page is made.
  const asked = mayBeSignedIn() ? whoAmI() : null;
  await speak();
  await nextTask();
  // The browser's tables of dates, which the first message would wait for.
  clock(0);
  await nextTask();
  fillTexts(document);
  let leaving = false;
  let started = false;
  const app = new App(async () => {
    if (leaving || await comesAlong()) return;
    signIn.show({ again: true, hadPrivateRooms: app.hasPrivateRooms });
    // Somebody may be signing in in another tab just now.
    for (const pause of LATER_MS) {
      await sleep(pause);
      if (!signIn.isShown || await comesAlong()) return;
    }
  });
  /** @param {import("./protocol.js").User} user @param {string} [before] */
  const start = (user, before) => {
    started = true;
    rememberSignedIn(true);
    rememberUser(user);
    app.start(user, before);
  };
  /** Whichever tab is first makes drafts of what was being changed. @param {import("./protocol.js").User} user */
  const enter = (user) => {
    const before = recallUser();
    if (isOther(before, user)) forgetPerson();
    signIn.hide();
    start(user, before?.id);
  };
  const signIn = new SignInView(enter);
  /** Whoever has signed in anew in another tab is in here, too. */
  const comesAlong = async () => {
    const answer = await whoAmI();
    if (app.isRunning) return true;
    if (!answer.ok || leaving) return false;
    enter(answer.body.user);
    return true;
  };
  twoStep(button("sign-out"), {
    label: element("sign-out-question"),
    ask: () => whatIsLost(app),
    act: async () => {
      leaving = true;
      leaving = await leave(app);
    },
  });
  addEventListener("storage", (event) => {
    if (started && isSigningOut(event)) go(app);
    else if (signIn.isShown && isSigningIn(event)) void comesAlong();
  });
  await begin(asked, start, signIn);
}

/** What to think of before signing out; "" if nothing ends with the session. @param {App} app */
function whatIsLost({ hasPrivateRooms, hasUnsent }) {
  const losses = [hasPrivateRooms ? strings["signOut.rooms"] : "", hasUnsent ? strings["signOut.unsent"] : ""].filter(Boolean);
  return losses.length > 0 ? [strings["signOut.really"], ...losses].join(" ") : "";
}

/** True when the page goes. @param {App} app */
async function leave(app) {
  const answer = await signOut();
  if (!answer.ok && !element("app").hidden) {
    // One that did not get through leaves the session as it is, and the page goes on.
    closeDrawer(false);
    app.notice(strings["signOut.failed"]);
    return false;
  }
  go(app);
  forgetPerson();
  rememberSignedIn(false);
  return true;
}

/** A fresh page is the surest way to leave nothing of one person on screen for the next. Browsers keep the one before for
 * whoever goes back. @param {App} app */
function go(app) {
  app.end();
  addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
  location.replace("/");
}

/**
 * Only a clear "nobody" leads to the form: a store that does not answer must not sign anyone out. Whoever never signed
 * in here is not asked for. If there is a session after all, signing in under the same name keeps the user. Without a
 * network or store we begin as who we were: what is unsent is there, and the server will say if we are somebody else by
 * now.
 * @param {ReturnType<typeof whoAmI> | null} asked the first try, if there is any
 * @param {(user: import("./protocol.js").User) => void} start @param {SignInView} signIn
 */
async function begin(asked, start, signIn) {
  if (asked === null) return showForm(signIn);
  const line = element("starting");
  const timer = setTimeout(() => setText(line, strings["starting"]), PATIENCE_MS);
  await askWhoWeAre(asked, start, signIn);
  clearTimeout(timer);
  setText(line, "");
}

/** Whoever is remembered has not signed out: their session has ended. @param {SignInView} signIn */
function showForm(signIn) {
  const before = recallUser();
  signIn.show({ again: before !== null, hadPrivateRooms: recallRooms(before?.id ?? "").some(isPrivate) });
}

/** @param {ReturnType<typeof whoAmI>} asked @param {(user: import("./protocol.js").User) => void} start
 * @param {SignInView} signIn */
async function askWhoWeAre(asked, start, signIn) {
  for (let tries = 0; ; tries += 1) {
    const answer = await (tries === 0 ? asked : whoAmI());
    if (answer.ok) return start(answer.body.user);
    if (answer.status === 401) {
      rememberSignedIn(false);
      return showForm(signIn);
    }
    const before = recallUser();
    if ((answer.status === 0 || answer.status >= 500) && before) return start(before);
    await sleep(answer.retryMs ?? 300 + backoff(tries, Math.random()));
  }
}

void build();
// What opens the page next time has time until this one is at rest.
setTimeout(() => void prepareForOffline(), 2_000);
setTimeout(() => void tidy().catch(() => {}), 60_000);

async function tidy() {
  const user = recallUser();
  const { sweep } = await import("./sweep.js");
  if (user) sweep(user.id, Date.now());
}
