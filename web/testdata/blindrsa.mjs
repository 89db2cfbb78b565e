// Runs the operations of blindrsa.js for blindrsa_test.go: in Node.js as lines of JSON, in a browser by run(). Bytes are hexadecimal.
// Without the arithmetic of the page's own code where a choice is random: that is what the tests fix.

const hex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
const bytes = (text) => Uint8Array.from(text.match(/../g) ?? [], (b) => parseInt(b, 16));

/** @param {any} b the module @param {Record<string, any>} q */
export async function run(b, q) {
  try {
    const key = b.publicKey(bytes(q.n), bytes(q.e));
    switch (q.op) {
      case "key":
        return {};
      case "encode":
        return { out: hex(await b.encode(key, bytes(q.input), bytes(q.salt))) };
      case "vector": { // the random choices of a vector, in the order of the protocol
        const inv = b.toInt(bytes(q.inv));
        const encoded = await b.encode(key, bytes(q.input), bytes(q.salt));
        const blinded = b.blindEncoded(key, encoded, b.inverse(inv, key.n));
        const signature = await b.finalize(key, bytes(q.input), bytes(q.blindSignature), b.toBytes(inv, key.size), bytes(q.salt).length);
        return { encoded: hex(encoded), blinded: hex(blinded), signature: hex(signature) };
      }
      case "blindEncoded":
        return { out: hex(b.blindEncoded(key, bytes(q.encoded), b.toInt(bytes(q.r)))) };
      case "prepare": {
        const { prefix, input } = b.prepare(bytes(q.input));
        return { prefix: hex(prefix), out: hex(input) };
      }
      case "blind": {
        const { blinded, unblind } = await b.blind(key, bytes(q.input));
        return { blinded: hex(blinded), unblind: hex(unblind) };
      }
      case "finalize":
        return { out: hex(await b.finalize(key, bytes(q.input), bytes(q.blindSignature), bytes(q.unblind))) };
      case "verify":
        return { ok: await b.verify(key, bytes(q.input), bytes(q.signature)) };
      case "inverse": {
        const inv = b.inverse(b.toInt(bytes(q.a)), key.n);
        return { out: inv === null ? "none" : hex(b.toBytes(inv, key.size)) };
      }
    }
    return { error: "unknown operation" };
  } catch (e) {
    return { error: e.code ?? String(e) };
  }
}

if (typeof process !== "undefined" && process.argv?.[2]) {
  const b = await import(process.argv[2]);
  const { createInterface } = await import("node:readline");
  for await (const line of createInterface({ input: process.stdin })) console.log(JSON.stringify(await run(b, JSON.parse(line))));
}
