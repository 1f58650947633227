// Starts the page: asks who we are, then shows the app or the sign-in form.

import { App } from "./app.js";
import { button } from "./lib/dom.js";
import { sleep } from "./lib/timing.js";
import { backoff } from "./liveness.js";
import { forgetDrafts, mayBeSignedIn, recallUser, rememberSignedIn, rememberUser } from "./memory.js";
import { prepareForOffline } from "./offline.js";
import { signOut, whoAmI } from "./session.js";
import { fillTexts, speak } from "./strings.js";
import { SignInView } from "./views/sign_in.js";

/** Everything that shows texts is made once these are there. */
async function build() {
  await speak();
  fillTexts(document);
  const app = new App(() => signIn.show({ again: true }));
  const start = (/** @type {import("./protocol.js").User} */ user) => {
    rememberSignedIn(true);
    rememberUser(user);
    app.start(user);
  };
  const signIn = new SignInView((user) => {
    signIn.hide();
    start(user);
  });
  button("sign-out").addEventListener("click", () => void leave(app));
  await begin(start, signIn);
}

/** @param {App} app */
async function leave(app) {
  app.stop();
  const answer = await signOut();
  // One that did not get through leaves the session as it is, and then the page must show that.
  if (answer.ok) rememberSignedIn(false);
  rememberUser(null);
  forgetDrafts();
  // A fresh page is the surest way to leave nothing of one person on screen for the next.
  location.assign("/");
}

/**
 * Only a clear "nobody" leads to the form: a store that does not answer must not sign anyone out. Whoever never signed
 * in here is not asked for. If there is a session after all, signing in under the same name keeps the user. Without a
 * network we begin as who we were: what is unsent is there, and the server will say if we are somebody else by now.
 * @param {(user: import("./protocol.js").User) => void} start @param {SignInView} signIn
 */
async function begin(start, signIn) {
  if (!mayBeSignedIn()) return signIn.show({ again: false });
  for (let tries = 0; ; tries += 1) {
    const answer = await whoAmI();
    if (answer.ok) return start(answer.body.user);
    if (answer.status === 401) {
      rememberSignedIn(false);
      return signIn.show({ again: false });
    }
    const before = recallUser();
    if (answer.status === 0 && before) return start(before);
    await sleep(answer.retryMs ?? 300 + backoff(tries, Math.random()));
  }
}

void build();
// What opens the page next time has time until this one is at rest.
setTimeout(() => void prepareForOffline(), 2_000);
