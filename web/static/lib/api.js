// The public part of the service's API: JSON in, JSON out, problems (RFC 9457) as PosvidError.

import { PosvidError } from "/static/lib/wasm.js";

const TERM = 20_000; // milliseconds until the head of an answer, and between two pieces of it
const WHOLE = 300_000; // milliseconds that a whole answer may take
const MOST = 32 * 1024 * 1024; // bytes of an answer: those of a bundle

/**
 * fetch with limits of time and size, of which the answer has been read whole: a service that stops in the middle or never ends
 * holds up nobody. A network that fails is a rejected promise.
 */
export async function limited(path, init = {}) {
  const abort = new AbortController();
  const stop = () => abort.abort();
  const whole = setTimeout(stop, WHOLE);
  let piece = setTimeout(stop, TERM);
  try {
    const response = await fetch(path, { credentials: "omit", cache: "no-store", redirect: "error", ...init, signal: abort.signal });
    const { status, statusText, headers } = response;
    if (!response.body || [204, 205, 304].includes(status)) return new Response(null, { status, statusText, headers });
    const pieces = [];
    let size = 0;
    for (const reader = response.body.getReader(); ; ) {
      clearTimeout(piece);
      piece = setTimeout(stop, TERM);
      const { done, value } = await reader.read();
      if (done) break;
      size += value.length;
      if (size > MOST) throw new RangeError("answer too large");
      pieces.push(value);
    }
    return new Response(new Blob(pieces), { status, statusText, headers });
  } finally {
    clearTimeout(whole);
    clearTimeout(piece);
    stop(); // what is left of an answer is not waited for
  }
}

async function answer(path, init) {
  let response;
  try {
    response = await limited(path, init);
  } catch {
    throw new PosvidError({ code: "offline" });
  }
  let body = null;
  try {
    body = await response.json();
  } catch {
    // An answer without JSON is told by its status.
  }
  if (!response.ok) {
    throw new PosvidError({ code: `service:${(body && body.code) || `http-${response.status}`}`, title: body && body.title, next: body && body.detail, status: response.status });
  }
  return body;
}

/** GET of JSON. */
export const get = (path) => answer(path, { headers: { Accept: "application/json, application/problem+json" } });

/** POST of JSON. */
export const post = (path, body) =>
  answer(path, { method: "POST", headers: { "Content-Type": "application/json", Accept: "application/json, application/problem+json" }, body: JSON.stringify(body) });
