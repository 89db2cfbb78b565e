// The verifier, beside the page: the page can end it when it hangs. Everything is decided by Go (cmd/posvid-wasm); here its storage
// and its keys are brought to it. docs/spec/verifier-page.md, Section 3 has the messages.

import { start } from "/static/lib/wasm.js";
import { done, openDatabase, transact } from "/static/lib/db.js";

const FILES = "files";
const KEYS = "keys";
const ECDSA = { name: "ECDSA", namedCurve: "P-256" };
const ECDH = { name: "ECDH", namedCurve: "P-256" };

const loading = start();
loading.catch(() => {}); // open() waits for it and tells

let db = null;
let device = null;
let keys = null;

/** Small files are given to Go at once; a bundle when it asks for it. */
async function small() {
  const files = {};
  await transact(db, [FILES], "readonly", async (tx) => {
    const store = tx.objectStore(FILES);
    const names = await done(store.getAllKeys());
    for (const name of names) {
      if (!String(name).startsWith("bundle")) files[name] = await done(store.get(name));
    }
  });
  return files;
}

const host = {
  files: {},
  read: (name) => transact(db, [FILES], "readonly", async (tx) => (await done(tx.objectStore(FILES).get(name))) ?? null),
  write: (name, data) =>
    transact(db, [FILES], "readwrite", (tx) => {
      const store = tx.objectStore(FILES);
      if (data === null) store.delete(name);
      else store.put(data, name);
    }),
  judging: () => postMessage({ judging: true }),
  sign: async (data) => new Uint8Array(await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, keys.sign.privateKey, data)),
};

/** Makes the keys of this device, or finds them; none of the private ones can leave the browser. */
async function useKeys(create) {
  keys = (await transact(db, [KEYS], "readonly", (tx) => done(tx.objectStore(KEYS).get("verifier")))) ?? null;
  if (!keys) {
    if (!create) return false;
    keys = { sign: await crypto.subtle.generateKey(ECDSA, false, ["sign", "verify"]), hpke: await crypto.subtle.generateKey(ECDH, false, ["deriveBits"]) };
    await transact(db, [KEYS], "readwrite", (tx) => tx.objectStore(KEYS).put(keys, "verifier"));
  }
  const raw = async (key) => new Uint8Array(await crypto.subtle.exportKey("raw", key));
  await device.setKey(await raw(keys.sign.publicKey), await raw(keys.hpke.publicKey));
  return true;
}

const tasks = {
  async open({ lang }) {
    db = await openDatabase("posvid-verifier", 1, (made) => {
      made.createObjectStore(FILES);
      made.createObjectStore(KEYS);
    });
    host.files = await small();
    await loading;
    device = await globalThis.posvidOpenDevice(host, lang);
    let key = "none";
    try {
      if (await useKeys(false)) key = "ok";
    } catch {
      key = "unusable"; // codes are judged all the same
    }
    return { key };
  },
  keys: () => useKeys(true),
  async order({ order, data }) {
    const answer = JSON.parse(await device.call(JSON.stringify(order), data ?? null));
    return answer;
  },
};

// One after another, in the order in which they came.
let last = Promise.resolve();
onmessage = ({ data: message }) => {
  last = last.then(async () => {
    try {
      postMessage({ id: message.id, answer: await tasks[message.task](message) });
    } catch (e) {
      postMessage({ id: message.id, error: e && e.name ? String(e.name) : "Error" });
    }
  });
};
// A fault that nobody waits for is a fault all the same.
addEventListener("unhandledrejection", () => postMessage({ broken: true }));
