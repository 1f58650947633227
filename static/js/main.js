// Starts the page: asks who we are, then shows the app or the sign-in form.

import { App } from "./app.js";
import { button } from "./lib/dom.js";
import { sleep } from "./lib/timing.js";
import { backoff } from "./liveness.js";
import { forgetDrafts } from "./memory.js";
import { signOut, whoAmI } from "./session.js";
import { fillTexts } from "./strings.js";
import { SignInView } from "./views/sign_in.js";

fillTexts(document);

const app = new App(() => signIn.show({ again: true }));

const signIn = new SignInView((user) => {
  signIn.hide();
  app.start(user);
});

button("sign-out").addEventListener("click", async () => {
  app.stop();
  await signOut();
  forgetDrafts();
  // A fresh page is the surest way to leave nothing of one person on screen for the next.
  location.assign("/");
});

/** Only a clear "nobody" leads to the form: a store that does not answer must not sign anyone out. */
async function begin() {
  for (let tries = 0; ; tries += 1) {
    const answer = await whoAmI();
    if (answer.ok) return app.start(answer.body.user);
    if (answer.status === 401) return signIn.show({ again: false });
    await sleep(answer.retryMs ?? 300 + backoff(tries, Math.random()));
  }
}

void begin();
