// IndexedDB with promises. A change is one transaction: it is there whole after a power cut, or not at all.

/** A store that holds what this page did not write, or does not hold what it needs. It is told and never emptied. */
export class DamagedError extends Error {
  constructor(what) {
    super(what);
    this.name = "Damaged";
  }
}

/** Another tab has written since this one has read. */
export class ChangedError extends Error {
  constructor() {
    super("another tab has changed what is stored");
    this.name = "Changed";
  }
}

/** Waits for a request of IndexedDB. */
export function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Opens a database; upgrade(db, oldVersion) makes its stores. */
export function openDatabase(name, version, upgrade) {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, version);
    request.onupgradeneeded = (e) => upgrade(request.result, e.oldVersion);
    request.onsuccess = () => {
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new ChangedError());
  });
}

/**
 * Runs work(transaction) and waits until it is on the disk. When work throws, nothing of it is kept.
 * @param {IDBDatabase} db
 */
export function transact(db, stores, mode, work) {
  return new Promise((resolve, reject) => {
    let result;
    let failure = null;
    const tx = db.transaction(stores, mode, mode === "readwrite" ? { durability: "strict" } : undefined);
    tx.oncomplete = () => resolve(result);
    tx.onabort = () => reject(failure || tx.error || new Error("transaction aborted"));
    Promise.resolve()
      .then(() => work(tx))
      .then(
        (r) => {
          result = r;
        },
        (e) => {
          failure = e;
          try {
            tx.abort();
          } catch {
            reject(e); // it had ended already
          }
        },
      );
  });
}
