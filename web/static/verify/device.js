// The page's end of the verifier in its worker. What does not answer in time is ended: it has no say any more.

export const TERM = 5000; // milliseconds a verdict may take (docs/spec/watch.md, WAT-04)
const START = 60_000; // milliseconds for the first start: the program is downloaded and compiled
const LONG = 60_000; // for a bundle: all of its sections are opened

/** The worker ended, hung or said something that it never says. Nothing of it may be shown. */
export class BrokenError extends Error {
  constructor(why) {
    super(why);
    this.name = "BrokenError";
  }
}

export class Device {
  /** @param {{onJudging: () => void, onBroken: () => void}} events */
  constructor({ onJudging, onBroken }) {
    this.onJudging = onJudging;
    this.onBroken = onBroken;
    this.waiting = new Map();
    this.last = 0;
    this.ended = false;
    this.worker = globalThis.posvidEarly || new Worker("/verify/worker.js", { type: "module" });
    globalThis.posvidEarly = null;
    this.worker.onmessage = ({ data }) => this.take(data);
    this.worker.onerror = () => this.end("worker");
    this.worker.onmessageerror = () => this.end("message");
  }

  take(message) {
    if (this.ended) return;
    if (message.judging) {
      this.onJudging();
      return;
    }
    if (message.broken) {
      this.end("fault");
      return;
    }
    const w = this.waiting.get(message.id);
    if (!w) return;
    this.waiting.delete(message.id);
    clearTimeout(w.timer);
    if (message.error) {
      w.reject(new BrokenError(message.error));
      this.end(message.error);
    } else w.resolve(message.answer);
  }

  send(message, term) {
    if (this.ended) return Promise.reject(new BrokenError("ended"));
    const id = ++this.last;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.end("timeout"), term);
      this.waiting.set(id, { resolve, reject, timer });
      this.worker.postMessage({ ...message, id });
    });
  }

  /** Starts the program. */
  open(lang) {
    return this.send({ task: "open", lang }, START);
  }

  /** Makes this device's keys, once. */
  keys() {
    return this.send({ task: "keys" }, TERM);
  }

  /** Gives one order (docs/spec/verifier-page.md, Section 3). Now is the page's clock. */
  order(op, more = {}, data = null) {
    const term = op === "install" || op === "recover" ? LONG : TERM;
    return this.send({ task: "order", order: { op, at: Date.now(), ...more }, data }, term);
  }

  end(why) {
    if (this.ended) return;
    this.ended = true;
    this.worker.terminate();
    for (const w of this.waiting.values()) {
      clearTimeout(w.timer);
      w.reject(new BrokenError(why));
    }
    this.waiting.clear();
    this.onBroken(why);
  }
}
