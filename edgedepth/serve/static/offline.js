/* Service worker: keeps the page for when there is no network. */
const CACHE = "edgedepth-__VERSION__";
const FILES = __FILES__;
const PATIENCE_MS = 3000;

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES)));
});

self.addEventListener("activate", (event) => {
  const old = (names) => names.filter((n) => n.startsWith("edgedepth-") && n !== CACHE);
  event.waitUntil(caches.keys()
    .then((names) => Promise.all(old(names).map((name) => caches.delete(name))))
    .then(() => self.clients.claim()));
});

/* The page names the files that it used; those that are not kept yet are fetched once more. */
self.addEventListener("message", (event) => {
  const keep = async () => {
    const cache = await caches.open(CACHE);
    for (const url of event.data) if (!await cache.match(url)) await cache.add(url);
    return "";
  };
  event.waitUntil(keep().catch((error) => `not kept: ${error.message}`)
    .then((said) => event.ports[0].postMessage(said)));
});

/* Addresses made of their content never change; the rest is asked for, but not for long. */
self.addEventListener("fetch", (event) => {
  if (event.request.method !== "GET") return;
  const fixed = /\/(a|litertjs-[^/]+)\//.test(new URL(event.request.url).pathname);
  event.respondWith(answer(event.request, fixed));
});

async function answer(request, fixed) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request, { ignoreSearch: true });
  if (fixed && kept) return kept;
  if (!kept) return fetch(request);
  const late = new Promise((done) => setTimeout(() => done(kept), PATIENCE_MS));
  return Promise.race([fetch(request).then((r) => (r.ok ? r : kept)).catch(() => kept), late]);
}
