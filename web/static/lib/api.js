// The public part of the service's API: JSON in, JSON out, problems (RFC 9457) as PosvidError.

import { PosvidError } from "/static/lib/wasm.js";

const TERM = 20_000; // milliseconds that an answer may take

/** fetch with a time limit; a network that fails is a rejected promise. */
export function limited(path, init = {}) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), TERM);
  return fetch(path, { credentials: "omit", cache: "no-store", redirect: "error", ...init, signal: abort.signal }).finally(() => clearTimeout(timer));
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
