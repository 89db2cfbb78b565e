// A ballot of an anonymous survey, from the blank one that the service signs unseen to the one that is counted
// (docs/spec/office-surveys.md). Two requests, which nothing joins: the first with the person's session asks for a signature over
// something blinded, the second with no cookie and no name brings the answer with the signature.
//
// What this browser keeps lies in IndexedDB, under a survey and a mark of the person that is no name: the blank ballot from before it
// is asked for, so that after a lost connection the same is asked for again and nobody loses the vote; the filled one until it is
// taken; then the secret that finds the own answer in the public list, until the person erases it.

import { openDatabase, transact, done } from "/static/lib/db.js";
import { blind, finalize, prepare, publicKey, verify } from "/static/office/blindrsa.js";

const TERM = 20_000; // milliseconds of one request
const VARIANT = "RSABSSA-SHA384-PSS-Randomized";
const SECRET = 32; // bytes

/** Fewer people than this are shown in no list by themselves. */
export const GROUP = 5;

/** What stopped a ballot, by name. */
export class BallotError extends Error {
  constructor(code) {
    super("ballot: " + code);
    this.name = "BallotError";
    this.code = code;
  }
}

const utf8 = (text) => new TextEncoder().encode(text);

/** @param {Uint8Array} bytes */
export function text64(bytes) {
  let raw = "";
  for (const b of bytes) raw += String.fromCharCode(b);
  return btoa(raw).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Reads base64url without padding in its one spelling; null when it is none or has another length. */
export function bytes64(text, length) {
  if (typeof text !== "string" || !/^[A-Za-z0-9_-]*$/.test(text)) return null;
  let raw;
  try {
    raw = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return null;
  }
  const bytes = Uint8Array.from(raw, (c) => c.charCodeAt(0));
  return text64(bytes) === text && (length === undefined || bytes.length === length) ? bytes : null;
}

async function sha256(...parts) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", join(...parts)));
}

function join(...parts) {
  const out = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

/** The public number of a ballot: a hash of the secret that only this browser knows until the ballot is sent. */
export const nonceOf = (secret) => sha256(utf8("posvid.nonce/1\0"), secret);

/** What is signed, before its random prefix. */
export const messageOf = (survey, nonce) => join(utf8(`posvid.ballot/1\0${survey}\0`), nonce);

/** Under which name the answer to one part of one question stands in the public list. */
export const entryOf = async (secret, question, part) => text64((await sha256(utf8("posvid.entry/1\0"), secret, utf8(`${question}\0${part}`))).slice(0, 16));

/** A hash as people compare it: hexadecimal, in groups of four. */
export const groups = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("").match(/.{4}/g).join(" ");

/** @param {RequestInit} init */
async function ask(path, init) {
  let response, body;
  try {
    response = await fetch(path, { cache: "no-store", redirect: "error", ...init, signal: AbortSignal.timeout(TERM) });
    body = await response.json();
  } catch {
    if (!response || response.ok) throw new BallotError("offline"); // nothing came, or not all of it
  }
  if (!response.ok) throw new BallotError(body?.code ?? `http-${response.status}`);
  return body;
}

// What is asked without saying who asks: no cookie, no address of the page, and one language for all.
const nameless = { credentials: "omit", referrerPolicy: "no-referrer", mode: "same-origin" };
const header = { Accept: "application/json", "Accept-Language": "uk" };

const path = (survey, what) => `/api/v1/office/surveys/${encodeURIComponent(survey)}/${what}`;

async function keyOf(text) {
  const spki = bytes64(text);
  try {
    const key = await crypto.subtle.importKey("spki", spki, { name: "RSA-PSS", hash: "SHA-384" }, true, ["verify"]);
    const { n, e } = await crypto.subtle.exportKey("jwk", key);
    return { key: publicKey(bytes64(n), bytes64(e)), fingerprint: await sha256(spki) };
  } catch {
    throw new BallotError("key");
  }
}

async function described(d, survey, format) {
  if (d?.format !== format || d.id !== survey || d.variant !== VARIANT || typeof d.definition !== "string") throw new BallotError("descriptor");
  const { key, fingerprint } = await keyOf(d.key);
  if (text64(await sha256(utf8(d.definition))) !== d.definition_hash) throw new BallotError("descriptor");
  return { ...d, publicKey: key, fingerprint, questions: JSON.parse(d.definition) };
}

/**
 * Reads what the service says of a survey to everybody, asked without saying who asks: had each person a key of their own, the key
 * would tell them apart.
 */
export const descriptor = async (survey) => described(await ask(path(survey, "descriptor"), { ...nameless, headers: header }), survey, "posvid-survey-descriptor/1");

/** Reads the public list of a closed survey. */
export const recount = async (survey) => described(await ask(path(survey, "recount"), { ...nameless, headers: header }), survey, "posvid-recount/1");

// ——— what this browser keeps ———

let opened = null;

function database() {
  opened ??= openDatabase("posvid-office", 1, (db) => {
    db.createObjectStore("drafts", { keyPath: ["member", "survey"] });
    db.createObjectStore("ballots", { keyPath: ["member", "survey"] });
  }).then((db) => {
    const given = db.onversionchange;
    db.onversionchange = (e) => {
      opened = null;
      given?.call(db, e);
    };
    return db;
  });
  return opened.catch((e) => {
    opened = null;
    throw e;
  });
}

const within = async (store, mode, work) => transact(await database(), [store], mode, (tx) => work(tx.objectStore(store)));

/** The fields that somebody has typed and not sent, or undefined. */
export const draft = (member, survey) => within("drafts", "readonly", (s) => done(s.get([member, survey])));

/** Keeps a draft: { member, survey, fields: [[name, value]…] }. */
export const keepDraft = (d) => within("drafts", "readwrite", (s) => done(s.put(d)));

export const dropDraft = (member, survey) => within("drafts", "readwrite", (s) => done(s.delete([member, survey])));

/**
 * A ballot of this browser, or undefined. stage: "asked" (a blank one, not signed yet), "ready" (filled and signed, to be sent when due),
 * "sent", "refused" (code says why).
 */
export const ballot = (member, survey) => within("ballots", "readonly", (s) => done(s.get([member, survey])));

/** Every ballot of this browser. */
export const ballots = () => within("ballots", "readonly", (s) => done(s.getAll()));

const put = (record) => within("ballots", "readwrite", (s) => done(s.put(record)));

export const dropBallot = (member, survey) => within("ballots", "readwrite", (s) => done(s.delete([member, survey])));

// ——— the protocol ———

/**
 * Writes a filled ballot for a survey as descriptor gave it: the blank one is made once for a person and a survey, and kept before it
 * is asked for. due: when it is to be sent, milliseconds since 1970.
 */
export async function write(member, d, answer, due) {
  const old = await ballot(member, d.id);
  if (old && (old.stage === "ready" || (old.stage === "asked" && old.key === d.key))) {
    const record = { ...old, answer, due };
    await put(record);
    return record;
  }
  if (old?.stage === "sent") throw new BallotError("sent");
  const secret = crypto.getRandomValues(new Uint8Array(SECRET));
  const { prefix, input } = prepare(messageOf(d.id, await nonceOf(secret)));
  const { blinded, unblind } = await blind(d.publicKey, input);
  const record = {
    member, survey: d.id, title: d.questions.title, key: d.key, definitionHash: d.definition_hash, fingerprint: d.fingerprint,
    stage: "asked", secret, prefix, input, blinded, unblind, answer, due,
  };
  // Another tab may have been faster: its ballot is the one that counts.
  return within("ballots", "readwrite", async (s) => {
    const now = await done(s.get([member, d.id]));
    if (now && now.stage !== "refused" && now.key === d.key) return now;
    await done(s.put(record));
    return record;
  });
}

/**
 * Has a blank ballot signed by the service, which learns that this person took one and nothing else. Asked again it gives the same
 * signature. Errors: of the service ("survey-served": another ballot was given to this person), "offline", and BlindError "signature",
 * with which nothing may be sent.
 */
export async function sign(record) {
  if (record.stage !== "asked") return record;
  let answer;
  try {
    answer = await ask(path(record.survey, "token"), {
      method: "POST", credentials: "same-origin", headers: { ...header, "Content-Type": "application/json" }, body: JSON.stringify({ blinded: text64(record.blinded) }),
    });
  } catch (e) {
    if (e.code === "survey-served" || e.code === "survey-closed") await dropBallot(record.member, record.survey);
    throw e;
  }
  const { key } = await keyOf(record.key);
  const signature = await finalize(key, record.input, bytes64(answer?.signature) ?? new Uint8Array(), record.unblind);
  // What could recognise the signature is forgotten with the same write that keeps it.
  const { input, blinded, unblind, ...rest } = record;
  const next = { ...rest, stage: "ready", signature };
  await put(next);
  return next;
}

/**
 * Sends a signed ballot without saying who sends it. Sent again it is counted once. Errors: "offline" and those of a busy service leave
 * it as it is, "answer-wrong" too, and the answer may be changed; what is refused for good is kept as "refused" with its code.
 */
export async function send(record) {
  if (record.stage !== "ready") return record;
  const { member, survey, title, key, definitionHash, fingerprint, secret, answer } = record;
  const kept = { member, survey, title, key, definitionHash, fingerprint, secret, answer };
  const body = JSON.stringify({ secret: text64(secret), prefix: text64(record.prefix), signature: text64(record.signature), answer });
  try {
    await ask(path(survey, "ballots"), { ...nameless, method: "POST", headers: { ...header, "Content-Type": "application/json" }, body });
  } catch (e) {
    if (["ballot-counted", "ballot-forged", "survey-closed", "unknown-survey"].includes(e.code)) await put({ ...kept, stage: "refused", code: e.code });
    throw e;
  }
  const next = { ...kept, stage: "sent" };
  await put(next);
  return next;
}

/** Sends every signed ballot of this browser that is due, whoever is logged in. Answers how many were taken. */
export async function sendDue(now = Date.now()) {
  let sent = 0;
  for (const b of await ballots()) {
    if (b.stage !== "ready" || b.due > now) continue;
    try {
      await send(b);
      sent++;
    } catch {
      // It stays for the next time, or is kept as refused; its page says which.
    }
  }
  return sent;
}

/** A moment at random between 10 minutes and so many milliseconds from now. */
export function later(now, longest) {
  const least = 600_000;
  const [n] = crypto.getRandomValues(new Uint32Array(1));
  return now + least + Math.floor((n / 2 ** 32) * Math.max(0, longest - least));
}

// ——— the public list ———

/** The parts of a question, each of which has an entry for every ballot. */
export const parts = (q) => (q.kind === "many" || q.kind === "ranking" ? q.options.map((o) => o.id) : [""]);

/** The value that an answer has in the list under a part of a question. */
export function valueOf(q, part, answer) {
  if (!Object.hasOwn(answer, q.id)) return ""; // a question may have the name of what every object has
  const value = answer[q.id];
  if (q.kind === "many") return value.includes(part) ? "1" : "0";
  if (q.kind === "ranking") return String(value.indexOf(part) + 1);
  return String(value);
}

/**
 * Whether a value of the list stands for that of an answer: of a number the list may give a range "14..20". column: all values of the
 * part. A cell is withheld of everybody or of nobody: one answer alone that is hidden where others like it are shown was taken out.
 */
function stands(q, listed, given, column) {
  if (listed === null) return !column.some((value) => value !== null && stands(q, value, given, column));
  if (listed === given) return true;
  const range = q.kind === "number" && given !== "" && /^(-?[0-9]+)\.\.(-?[0-9]+)$/.exec(listed);
  return !!range && Number(range[1]) <= Number(given) && Number(given) <= Number(range[2]);
}

/**
 * Counts a list again and holds it to its rules: every ballot with a good signature of its own number, as many as received and not
 * more than were given out, and in every question one entry for each. Answers { wrong: [names], counts: [{question, part, values}] }.
 */
export async function count(list) {
  const wrong = new Set();
  let last = "";
  for (const t of list.tokens) {
    const [nonce, prefix, signature] = [bytes64(t.nonce, 32), bytes64(t.prefix, 32), bytes64(t.signature)];
    if (!nonce || !prefix || !signature || !(await verify(list.publicKey, join(prefix, messageOf(list.id, nonce)), signature))) wrong.add("forged");
    const at = nonce ? groups(nonce) : "";
    if (at <= last) wrong.add("twice");
    last = at;
  }
  if (list.tokens.length !== list.received) wrong.add("received");
  if (!(list.received <= list.issued && list.issued <= list.eligible)) wrong.add("issued");
  if (list.k !== GROUP) wrong.add("entries");
  const counts = [];
  const hidden = list.received < GROUP; // too few to show anything but that they were counted
  for (const q of list.questions.pages.flatMap((p) => p.questions)) {
    for (const part of parts(q)) {
      const entries = list.entries.find((e) => e.question === q.id && e.part === part)?.list ?? [];
      if (entries.length !== (hidden ? 0 : list.received) || new Set(entries.map(([id]) => id)).size !== entries.length) wrong.add("entries");
      const values = new Map();
      for (const [, value] of entries) values.set(value, (values.get(value) ?? 0) + 1);
      counts.push({ question: q.id, part, values });
    }
  }
  return { wrong: [...wrong], counts, hidden };
}

/**
 * Looks for one ballot in a list. Answers { counted, entries: [{question, part, value}] }: value null is withheld, undefined is missing;
 * with the answer that was given, same tells whether every value is that answer's, a range with it, or withheld.
 */
export async function find(list, secret, answer) {
  const nonce = text64(await nonceOf(secret));
  const counted = list.tokens.some((t) => t.nonce === nonce);
  const entries = [];
  let same = counted;
  for (const q of list.questions.pages.flatMap((p) => p.questions)) {
    for (const part of parts(q)) {
      const id = await entryOf(secret, q.id, part);
      const column = list.entries.find((e) => e.question === q.id && e.part === part)?.list ?? [];
      const value = column.find(([entry]) => entry === id)?.[1];
      entries.push({ question: q.id, part, value });
      if (list.received < GROUP) continue;
      if (value === undefined || (answer && !stands(q, value, valueOf(q, part, answer), column.map(([, v]) => v)))) same = false;
    }
  }
  return { counted, same, entries };
}
