// The wallet without a network. All files of one version are kept together in one cache; the page is served from one version
// alone, and a newer one takes its place as a whole when no page of the older is open, or when the holder says so.

// Build __ASSETS__: another build is another worker, which brings its files at once.
importScripts("/static/dist/wasm_exec.js");

const PAGE = "/wallet/";
const FILES = [
  PAGE,
  "/wallet/app.js",
  "/wallet/check.js",
  "/wallet/code.js",
  "/wallet/scan-worker.js",
  "/wallet/store.js",
  "/wallet/texts.js",
  "/wallet/wallet.css",
  "/wallet/manifest.webmanifest",
  "/wallet/icon.svg",
  "/wallet/icon-192.png",
  "/wallet/icon-512.png",
  "/static/app.css",
  "/static/lib/api.js",
  "/static/lib/camera.js",
  "/static/lib/db.js",
  "/static/lib/qr.js",
  "/static/lib/scan.js",
  "/static/lib/scan-worker.js",
  "/static/lib/ui.js",
  "/static/lib/wasm.js",
  "/static/dist/wasm_exec.js",
  "/static/dist/posvid.wasm",
  "/static/vendor/zxing/reader/index.js",
  "/static/vendor/zxing/reader/zxing_reader.wasm",
  "/static/vendor/zxing/share.js",
];
const KINDS = { js: "text/javascript", css: "text/css", wasm: "application/wasm" }; // what is none of these is no wallet: some proxies answer everything with a page
const PREFIX = "posvid-wallet-";
const POINTER = "posvid-wallet"; // a cache with the names of the current and the next version
const CURRENT = "/current";
const NEXT = "/next";

const name = async (which) => {
  const r = await (await caches.open(POINTER)).match(which);
  return r ? r.text() : "";
};
const point = async (which, to) => {
  const c = await caches.open(POINTER);
  if (to) await c.put(which, new Response(to));
  else await c.delete(which);
};

const hex = (buffer) => [...new Uint8Array(buffer)].map((b) => b.toString(16).padStart(2, "0")).join("");

/** Fetches all files; mode "reload" or "no-cache". Throws when one is missing. */
async function fetchAll(mode) {
  return Promise.all(
    FILES.map(async (path) => {
      const r = await fetch(path, { cache: mode, credentials: "omit", redirect: "error" });
      if (!r.ok) throw new Error(`${path}: HTTP ${r.status}`);
      const kind = KINDS[path.split(".").pop()];
      if (kind && !(r.headers.get("Content-Type") || "").startsWith(kind)) throw new Error(`${path}: not ${kind}`);
      return [path, await r.arrayBuffer(), r.headers];
    }),
  );
}

/** The name of a version: the hash of all its files. */
async function versionOf(files) {
  const parts = await Promise.all(files.map(async ([path, body]) => `${path} ${hex(await crypto.subtle.digest("SHA-256", body))}\n`));
  return hex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(parts.join("")))).slice(0, 32);
}

/** Brings the newest version as a whole: the same files have to come twice, or the service was being changed meanwhile. */
async function stage() {
  const files = await fetchAll("no-cache");
  const version = PREFIX + (await versionOf(files));
  if (version === (await name(CURRENT))) {
    await point(NEXT, "");
    return "same";
  }
  if (version !== PREFIX + (await versionOf(await fetchAll("no-cache")))) throw new Error("the service is being changed");
  const cache = await caches.open(version);
  for (const [path, body, headers] of files) {
    const kept = new Headers();
    for (const h of ["Content-Type", "Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Permissions-Policy", "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy"]) {
      if (headers.has(h)) kept.set(h, headers.get(h));
    }
    await cache.put(path, new Response(body, { headers: kept }));
  }
  await point((await name(CURRENT)) ? NEXT : CURRENT, version);
  return "new";
}

/** Makes the next version the current one, and forgets the others. */
async function activateNext() {
  const next = await name(NEXT);
  if (next && (await caches.has(next))) {
    await point(CURRENT, next);
    await point(NEXT, "");
  }
  const keep = [POINTER, await name(CURRENT), await name(NEXT)];
  for (const key of await caches.keys()) if (key.startsWith(PREFIX) && !keep.includes(key)) await caches.delete(key);
}

const windows = () => self.clients.matchAll({ type: "window", includeUncontrolled: true }).then((all) => all.filter((c) => new URL(c.url).pathname.startsWith(PAGE)));

async function tell(message) {
  for (const c of await windows()) c.postMessage(message);
}

self.addEventListener("install", (e) => {
  e.waitUntil(stage().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (e) => {
  e.waitUntil(self.clients.claim());
});

let checking = null;

self.addEventListener("message", (e) => {
  const type = e.data && e.data.type;
  if (type === "check" && !checking) {
    checking = stage()
      .then(async (found) => {
        if (found === "new" && (await name(NEXT))) await tell({ type: "new-version" });
      })
      .catch(() => {}) // no network, or the service is being changed: the next look finds it
      .finally(() => (checking = null));
    e.waitUntil(checking);
  }
  if (type === "activate") e.waitUntil(activateNext().then(() => tell({ type: "reload" })));
});

self.addEventListener("fetch", (e) => {
  const url = new URL(e.request.url);
  if (e.request.method !== "GET" || url.origin !== self.location.origin) return;
  const page = e.request.mode === "navigate";
  if (page && url.pathname !== PAGE && url.pathname !== "/wallet/index.html") return;
  const path = page ? PAGE : url.pathname;
  if (!FILES.includes(path)) return;
  e.respondWith(answer(e, path, page));
});

async function answer(e, path, page) {
  // A page that is opened while no other is open takes the newer version; what it loads then comes from the same.
  if (page && (await name(NEXT)) && (await windows()).filter((c) => c.id !== e.resultingClientId).length === 0) await activateNext();
  const current = await name(CURRENT);
  const kept = current ? await (await caches.open(current)).match(path) : null;
  return kept || fetch(e.request);
}

// ---------------------------------------------------------------- renewal while no page is open

const wait = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** Opens the wallets as the page does and has Go bring what is new. It stops where a page is open: that one does it. */
async function renew() {
  if ((await windows()).length) return;
  if (!(await indexedDB.databases()).some((d) => d.name === "posvid-wallet")) return;
  const db = await wait(indexedDB.open("posvid-wallet", 1));
  try {
    const common = (mode) => db.transaction(["wallets", "common"], mode, mode === "readwrite" ? { durability: "strict" } : undefined);
    const tx = common("readonly");
    const [wallets, first, bundle, facts] = await Promise.all([wait(tx.objectStore("wallets").getAll()), ...["seq", "bundle", "facts"].map((k) => wait(tx.objectStore("common").get(k)))]);
    if (!first || !wallets.length || wallets.some((w) => !(w.key instanceof CryptoKey) || !(w.state instanceof Uint8Array))) return; // the page tells of damage
    let seq = first;
    const store = async (change) => {
      const t = common("readwrite");
      const ended = new Promise((resolve, reject) => {
        t.oncomplete = resolve;
        t.onabort = () => reject(t.error || new Error("aborted"));
      });
      const c = t.objectStore("common");
      const w = t.objectStore("wallets");
      if ((await wait(c.get("seq"))) !== seq || change.drop) {
        t.abort(); // a page has written, or a wallet would go: neither is for a time when nobody looks
      } else {
        for (const put of change.puts || []) w.put({ ...(await wait(w.get(put.id))), state: put.state });
        if (change.bundle) c.put(change.bundle, "bundle");
        if (typeof change.facts === "string") c.put(change.facts, "facts");
        c.put(seq + 1, "seq");
      }
      await ended;
      seq++;
    };
    const go = new Go();
    const current = await name(CURRENT);
    const program = current ? await (await caches.open(current)).match("/static/dist/posvid.wasm") : null;
    if (!program) return;
    const { instance } = await WebAssembly.instantiate(await program.arrayBuffer(), go.importObject);
    go.run(instance);
    const opened = JSON.parse(await posvidWalletOpen({ origin: self.location.origin, wallets, bundle: bundle || null, facts: facts || "", store, fetch: (path, init) => fetch(path, { credentials: "omit", cache: "no-store", redirect: "error", ...init }) }));
    if (!opened.error) await posvidWallet("sync", "{}");
  } finally {
    db.close();
  }
}

self.addEventListener("periodicsync", (e) => {
  if (e.tag === "renew") e.waitUntil(renew().then(() => stage()).catch(() => {}));
});
