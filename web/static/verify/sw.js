// Keeps the whole verifier on the device: it starts with the service dead and the network off. A new build is a new version: it
// is downloaded whole or not at all, and takes over when no page of the old one is open, or when the page that checks says so.

const VERSION = "__ASSETS__"; // put in by the service: a hash over all assets
const CACHE = `posvid-verify-${VERSION}`;
const ASSETS = [
  "/verify/",
  "/verify/app.js",
  "/verify/check.js",
  "/verify/device.js",
  "/verify/early.js",
  "/verify/scan-worker.js",
  "/verify/signs.js",
  "/verify/worker.js",
  "/verify/verify.css",
  "/verify/manifest.webmanifest",
  "/verify/icon.svg",
  "/verify/icon-192.png",
  "/verify/icon-512.png",
  "/static/app.css",
  "/static/lib/api.js",
  "/static/lib/ui.js",
  "/static/lib/db.js",
  "/static/lib/qr.js",
  "/static/lib/wasm.js",
  "/static/lib/scan.js",
  "/static/lib/camera.js",
  "/static/lib/scan-worker.js",
  "/static/vendor/zxing/share.js",
  "/static/vendor/zxing/reader/index.js",
  "/static/vendor/zxing/reader/zxing_reader.wasm",
  "/static/dist/wasm_exec.js",
  "/static/dist/posvid.wasm",
];

self.addEventListener("install", (e) => {
  e.waitUntil(
    (async () => {
      const cache = await caches.open(CACHE);
      try {
        await Promise.all(
          ASSETS.map(async (path) => {
            const response = await fetch(path, { cache: "no-cache", credentials: "omit", redirect: "error" });
            if (!response.ok) throw new Error(`${path}: HTTP ${response.status}`);
            await cache.put(path, response);
          }),
        );
      } catch (fault) {
        await caches.delete(CACHE); // half a verifier is none
        throw fault;
      }
    })(),
  );
});

self.addEventListener("message", (e) => {
  if (e.data && e.data.type === "activate") self.skipWaiting();
});

self.addEventListener("activate", (e) => {
  e.waitUntil(
    (async () => {
      for (const name of await caches.keys()) {
        if (name.startsWith("posvid-verify-") && name !== CACHE) await caches.delete(name);
      }
      await self.clients.claim();
    })(),
  );
});

// Only files of this list are answered from here; what belongs to the service's API goes to the network untouched.
self.addEventListener("fetch", (e) => {
  const url = new URL(e.request.url);
  if (e.request.method !== "GET" || url.origin !== location.origin) return;
  const path = url.pathname === "/verify/index.html" ? "/verify/" : url.pathname;
  if (!ASSETS.includes(path)) return;
  e.respondWith(
    (async () => {
      const cache = await caches.open(CACHE);
      return (await cache.match(path)) || fetch(e.request);
    })(),
  );
});
