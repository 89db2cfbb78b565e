// What the wallet keeps in this browser: one record for each ID with its key, the trust bundle, and facts. Every change is one
// transaction, and none is made over what another tab has written since it was read.

import { openDatabase, transact, done, ChangedError, DamagedError } from "/static/lib/db.js";

const NAME = "posvid-wallet";
const VERSION = 1; // of the database's stores
const RECORD = 1; // of a record's members
const MARK = "posvid-wallet-kept"; // beside the database: tells an erased wallet from one that never was

/** Opens the database. Error: the browser's own, where it lets nothing be stored. */
export function openStore() {
  return openDatabase(NAME, VERSION, (db, old) => {
    if (old < 1) {
      db.createObjectStore("wallets", { keyPath: "id" });
      db.createObjectStore("common");
    }
  });
}

/**
 * Reads everything. What does not have the form that was written is damage, and is never taken for an empty wallet.
 * @returns {Promise<{seq: number, wallets: object[], bundle: Uint8Array|null, facts: string}>}
 */
export async function readStore(db) {
  const names = [...db.objectStoreNames];
  if (!names.includes("wallets") || !names.includes("common")) throw new DamagedError("stores are missing");
  const [wallets, seq, bundle, facts] = await transact(db, ["wallets", "common"], "readonly", (tx) => {
    const common = tx.objectStore("common");
    return Promise.all([done(tx.objectStore("wallets").getAll()), done(common.get("seq")), done(common.get("bundle")), done(common.get("facts"))]);
  });
  if (seq === undefined) {
    if (wallets.length || bundle !== undefined || facts !== undefined) throw new DamagedError("the number of changes is missing");
    return { seq: 0, wallets: [], bundle: null, facts: "" };
  }
  if (!Number.isSafeInteger(seq) || seq < 1) throw new DamagedError("the number of changes is none");
  if (bundle !== undefined && !(bundle instanceof Uint8Array)) throw new DamagedError("the bundle is no bytes");
  if (facts !== undefined && typeof facts !== "string") throw new DamagedError("the facts are no text");
  for (const w of wallets) {
    // Package wallet says what is wrong with a state; the record around it is this file's.
    if (w.version !== RECORD || !(w.state instanceof Uint8Array)) w.state = new Uint8Array();
    if (!(w.key instanceof CryptoKey) || w.key.extractable) w.key = null;
  }
  return { seq, wallets, bundle: bundle || null, facts: facts || "" };
}

/**
 * Writes a change of cmd/posvid-wasm: { puts: [{id, state, key?}], drop: id, bundle, facts }, each optional.
 * @returns {Promise<number>} the new number of changes
 */
export function writeStore(db, seq, change) {
  return transact(db, ["wallets", "common"], "readwrite", async (tx) => {
    const wallets = tx.objectStore("wallets");
    const common = tx.objectStore("common");
    const now = (await done(common.get("seq"))) || 0;
    if (now !== seq) throw new ChangedError();
    for (const { id, state, key } of change.puts || []) {
      const old = await done(wallets.get(id));
      if (!old && !key) throw new DamagedError("a record without a key");
      await done(wallets.put({ id, version: RECORD, state, key: key || old.key }));
    }
    if (change.drop) await done(wallets.delete(change.drop));
    if (change.bundle) await done(common.put(change.bundle, "bundle"));
    if (typeof change.facts === "string") await done(common.put(change.facts, "facts"));
    await done(common.put(now + 1, "seq"));
    return now + 1;
  });
}

/** Erases everything, after the holder said so twice. */
export function eraseStore() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(NAME);
    request.onsuccess = () => resolve();
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new ChangedError());
  });
}

/** Remembers beside the database whether IDs are kept: nothing but the fact. */
export function mark(kept) {
  try {
    if (kept) localStorage.setItem(MARK, "1");
    else localStorage.removeItem(MARK);
  } catch {
    // Without it an erased wallet looks like one that never was.
  }
}

/** Tells whether IDs were kept here once. */
export function marked() {
  try {
    return localStorage.getItem(MARK) === "1";
  } catch {
    return false;
  }
}
