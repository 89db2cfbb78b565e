// Runs the wallet of posvid.wasm outside a browser: node wallet.cjs WASM_EXEC WASM. One JSON order a line on stdin, one answer a
// line on stdout. The keys are WebCrypto's; storage and network are objects in memory.
//
//   {"op": "open", "wallets": [{"id", "state": base64, "jwk"}], "bundle": base64, "facts": text, "origin"}
//   {"op": "call", "name", "args"}      {"op": "qr", "text"}
//   {"op": "answers", "list": [{"status", "body": text, "data": base64, "etag"} | null]}   null: no network
//   {"op": "refuse", "writes": bool | "bundle"}    the storage refuses all writes, or those with a bundle
//   {"op": "kept"}                      what is stored, and what was asked
"use strict";
const fs = require("fs");
globalThis.require = require;
globalThis.fs = fs;
globalThis.path = require("path");
if (!globalThis.crypto) globalThis.crypto = require("crypto").webcrypto;
require(require("path").resolve(process.argv[2]));

const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));
let kept = { wallets: new Map(), bundle: null, facts: "" };
let answers = [];
let asked = [];
let refuse = false;

const host = {
  async store(change) {
    if (refuse === true || (refuse === "bundle" && change.bundle)) throw new DOMException("full", "QuotaExceededError");
    for (const put of change.puts || []) kept.wallets.set(put.id, { ...kept.wallets.get(put.id), ...put });
    if (change.drop) kept.wallets.delete(change.drop);
    if (change.bundle) kept.bundle = change.bundle;
    if (typeof change.facts === "string") kept.facts = change.facts;
  },
  async fetch(path, init) {
    asked.push({ path, method: init.method, headers: init.headers, body: init.body ? Buffer.from(init.body).toString("base64") : "" });
    const a = answers.shift();
    if (!a) throw new TypeError("no network");
    return new Response(a.status === 304 ? null : a.data ? bytes(a.data) : a.body || "", { status: a.status, headers: a.etag ? { ETag: a.etag } : {} });
  },
};

async function order(o) {
  switch (o.op) {
    case "open": {
      kept = { wallets: new Map(), bundle: o.bundle ? bytes(o.bundle) : null, facts: o.facts || "" };
      answers = [];
      asked = [];
      refuse = false;
      for (const w of o.wallets || []) {
        const key = w.jwk ? await crypto.subtle.importKey("jwk", w.jwk, { name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]) : null;
        kept.wallets.set(w.id, { id: w.id, state: bytes(w.state), key });
      }
      return JSON.parse(await posvidWalletOpen({ ...host, origin: o.origin || "https://id.example.gov.ua", wallets: [...kept.wallets.values()], bundle: kept.bundle, facts: kept.facts }));
    }
    case "call":
      return JSON.parse(await posvidWallet(o.name, JSON.stringify(o.args || {})));
    case "raw":
      return JSON.parse(await posvidWallet(...o.list));
    case "qr":
      return JSON.parse(posvidQR(o.text));
    case "answers":
      answers = o.list;
      asked = [];
      return {};
    case "refuse":
      refuse = o.writes;
      return {};
    case "kept": {
      const wallets = [...kept.wallets.values()].map((w) => ({ id: w.id, state: Buffer.from(w.state).toString("base64"), extractable: Boolean(w.key && w.key.extractable), type: w.key ? w.key.type : "" }));
      return { wallets, bundle: kept.bundle ? kept.bundle.length : 0, facts: kept.facts, asked };
    }
  }
  throw new Error(`order ${o.op}`);
}

(async () => {
  const go = new Go();
  const { instance } = await WebAssembly.instantiate(fs.readFileSync(process.argv[3]), go.importObject);
  go.run(instance);
  const lines = require("readline").createInterface({ input: process.stdin });
  for await (const line of lines) {
    const began = performance.now();
    let answer;
    try {
      answer = await order(JSON.parse(line));
    } catch (e) {
      answer = { thrown: `${e.name}: ${e.message}` };
    }
    fs.writeSync(1, JSON.stringify({ answer, ms: performance.now() - began }) + "\n");
  }
  process.exit(0);
})();
