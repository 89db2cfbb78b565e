// Runs answer.js for answer_test.go: one line of JSON in, one out.

import { createInterface } from "node:readline";

const { check, prune, read, visible } = await import(process.argv[2]);
for await (const line of createInterface({ input: process.stdin })) {
  const { definition, answer, fields } = JSON.parse(line);
  const out = { visible: [...visible(definition, answer)], faults: check(definition, answer), pruned: prune(definition, answer), read: read(definition, fields) };
  console.log(JSON.stringify(out));
}
