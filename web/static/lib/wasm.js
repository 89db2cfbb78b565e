// Posvid in WebAssembly: the rules of wallet and verifier are Go (cmd/posvid-wasm); a page only shows what they decide.

import "/static/dist/wasm_exec.js"; // sets globalThis.Go

const WASM = "/static/dist/posvid.wasm";

/** A refusal by name; text is English and for the log, title and next are the service's own words in the reader's language. */
export class PosvidError extends Error {
  /** @param {{code: string, text?: string, title?: string, next?: string, status?: number}} e */
  constructor(e) {
    super(e.text || e.code);
    this.name = "PosvidError";
    this.code = e.code;
    this.title = e.title || "";
    this.next = e.next || "";
    this.status = e.status || 0;
  }
}

let started = null;

/** Loads the module once; the functions of cmd/posvid-wasm are in the global scope when it resolves. */
export function start() {
  if (!started) {
    started = run().catch((e) => {
      started = null; // a failed download may be tried again
      throw e;
    });
  }
  return started;
}

async function run() {
  const go = new globalThis.Go();
  const response = await fetch(WASM);
  if (!response.ok) throw new PosvidError({ code: "no-wasm", text: `posvid.wasm: HTTP ${response.status}` });
  let instance;
  try {
    ({ instance } = await WebAssembly.instantiateStreaming(response.clone(), go.importObject));
  } catch {
    // A browser without streaming, or a server with another type of content.
    ({ instance } = await WebAssembly.instantiate(await response.arrayBuffer(), go.importObject));
  }
  go.run(instance); // ends only when the program does
}

/** Parses an answer of the module; an {"error"} in it is thrown. */
function parse(text) {
  const answer = JSON.parse(text);
  if (answer && answer.error) {
    throw new PosvidError(typeof answer.error === "string" ? { code: "internal", text: answer.error } : answer.error);
  }
  return answer;
}

/** Opens the wallets that the page has stored (posvidWalletOpen). */
export async function openWallets(host) {
  await start();
  return parse(await globalThis.posvidWalletOpen(host));
}

/** Calls a function of the opened wallets (posvidWallet). Times are milliseconds, as Date.now has them. */
export async function wallet(name, args = {}) {
  return parse(await globalThis.posvidWallet(name, JSON.stringify(args)));
}

/** Makes the QR symbol of any visible ASCII text: {version, size, bits}. */
export function symbolOf(text) {
  return parse(globalThis.posvidQR(text));
}
