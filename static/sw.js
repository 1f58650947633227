// The service worker: lets the page open without a network. It belongs to one build of the app, keeps that build's files
// and page, and never anything else: what is said in rooms, who we are, and the files of other builds always come from
// the server. The server fills in the names of the build and of its files.

const BUILD = "%ASSETS%";
/** @type {string[]} */
const FILES = ["%FILES%"];
const CACHE = `hubbub${BUILD}`;
/** A server that says nothing for so long counts as away when somebody opens the page. */
const PATIENCE_MS = 5_000;

/** What a worker has and a page has not. @type {any} */
const worker = globalThis;

worker.addEventListener("install", (/** @type {any} */ event) => event.waitUntil(keepBuild()));

// A worker of a new build waits until no page of the old build is open, so the old files are not needed any more.
worker.addEventListener("activate", (/** @type {any} */ event) => {
  event.waitUntil(Promise.all([forgetOthers(), worker.clients.claim()]));
});

worker.addEventListener("fetch", (/** @type {any} */ event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== worker.location.origin) return;
  if (request.mode === "navigate" && isPage(pathname)) event.respondWith(page(request));
  else if (pathname.startsWith(`${BUILD}/`)) event.respondWith(file(request));
});

worker.addEventListener("notificationclick", (/** @type {any} */ event) => {
  event.notification.close();
  event.waitUntil(goTo(event.notification.data?.room));
});

/** All or nothing: half a build would be a broken page. During a rollout another instance may answer with the page of
 * another build; then this worker is not installed, and the next visit tries again. */
async function keepBuild() {
  const page = await fetch("/", { cache: "no-cache" });
  const text = await page.clone().text();
  if (!page.ok || !text.includes(`${BUILD}/`)) throw new Error("the page is of another build");
  const cache = await caches.open(CACHE);
  await cache.addAll(FILES.map((path) => `${BUILD}/${path}`));
  await cache.put("/", page);
}

async function forgetOthers() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith("hubbub/") && name !== CACHE).map((name) => caches.delete(name)));
}

/** @param {string} path */
function isPage(path) {
  return path === "/" || path.startsWith("/r/");
}

/** The server's page, of whatever build; ours if there is none. @param {Request} request */
async function page(request) {
  const kept = await caches.match("/", { cacheName: CACHE });
  if (!kept) return fetch(request);
  /** @type {Promise<Response | null>} */
  const patience = new Promise((resolve) => setTimeout(() => resolve(null), PATIENCE_MS));
  try {
    const answer = await Promise.race([fetch(request), patience]);
    return answer === null || answer.status >= 500 ? kept : answer;
  } catch {
    return kept;
  }
}

/** @param {Request} request one for a file of our build */
async function file(request) {
  return (await caches.match(request, { cacheName: CACHE, ignoreVary: true })) ?? fetch(request);
}

/** Brings a page to the front, with the room that called. @param {unknown} room */
async function goTo(room) {
  if (typeof room !== "string") return;
  const [open] = await worker.clients.matchAll({ type: "window" });
  if (!open) return void (await worker.clients.openWindow(`/r/${encodeURIComponent(room)}`));
  open.postMessage({ type: "open", room });
  await open.focus();
}
