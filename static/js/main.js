// Starts the page: asks who we are, then shows the app or the sign-in form.

import { App } from "./app.js";
import { button } from "./lib/dom.js";
import { sleep } from "./lib/timing.js";
import { backoff } from "./liveness.js";
import { forgetDrafts, mayBeSignedIn, rememberSignedIn } from "./memory.js";
import { signOut, whoAmI } from "./session.js";
import { fillTexts } from "./strings.js";
import { SignInView } from "./views/sign_in.js";

fillTexts(document);

const app = new App(() => signIn.show({ again: true }));

const signIn = new SignInView((user) => {
  signIn.hide();
  start(user);
});

button("sign-out").addEventListener("click", async () => {
  app.stop();
  const answer = await signOut();
  // One that did not get through leaves the session as it is, and then the page must show that.
  if (answer.ok) rememberSignedIn(false);
  forgetDrafts();
  // A fresh page is the surest way to leave nothing of one person on screen for the next.
  location.assign("/");
});

/** @param {import("./protocol.js").User} user */
function start(user) {
  rememberSignedIn(true);
  app.start(user);
}

/**
 * Only a clear "nobody" leads to the form: a store that does not answer must not sign anyone out. Whoever never signed
 * in here is not asked for. If there is a session after all, signing in under the same name keeps the user.
 */
async function begin() {
  if (!mayBeSignedIn()) return signIn.show({ again: false });
  for (let tries = 0; ; tries += 1) {
    const answer = await whoAmI();
    if (answer.ok) return start(answer.body.user);
    if (answer.status === 401) {
      rememberSignedIn(false);
      return signIn.show({ again: false });
    }
    await sleep(answer.retryMs ?? 300 + backoff(tries, Math.random()));
  }
}

void begin();
