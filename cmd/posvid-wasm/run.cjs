// Runs posvidVerify outside a browser: node run.cjs WASM_EXEC WASM. One JSON request a line on stdin, one answer a line
// on stdout; the last line on stderr is the median over all requests
// of the best of five times of an answer, in milliseconds: the machine may be busy with other things.
"use strict";
const fs = require("fs");
globalThis.require = require;
globalThis.fs = fs;
globalThis.path = require("path");
if (!globalThis.crypto) globalThis.crypto = require("crypto").webcrypto;
require(require("path").resolve(process.argv[2]));

const go = new Go();
WebAssembly.instantiate(fs.readFileSync(process.argv[3]), go.importObject).then(({ instance }) => {
  go.run(instance);
  const times = [];
  const answers = [];
  for (const line of fs.readFileSync(0, "utf8").split("\n")) {
    if (line === "") continue;
    let best = Infinity;
    let answer;
    for (let round = 0; round < 5; round++) {
      const start = performance.now();
      answer = posvidVerify(line);
      best = Math.min(best, performance.now() - start);
    }
    answers.push(answer);
    times.push(best);
  }
  times.sort((a, b) => a - b);
  fs.writeSync(1, answers.join("\n") + "\n");
  fs.writeSync(2, String(times[times.length >> 1]) + "\n");
  process.exit(0);
});
