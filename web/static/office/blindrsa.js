// The client's half of RSA blind signatures with SHA-384 and PSS (RFC 9474): a signer signs a message that it never sees, and
// cannot recognise it, nor its signature, later. The service signs ballots of anonymous surveys with it (docs/spec/office-surveys.md).
//
// WebCrypto has no RSA operation without padding, so the arithmetic is BigInt. It does not run in constant time: that matters to
// a program on the same machine, which could read the page's memory as well; every blinding factor is used once.

const HASH = 48; // bytes of SHA-384
const SALT = 48; // bytes of the salt, RSABSSA-SHA384-PSS-Randomized (RFC 9474, Section 5)
const PREFIX = 32; // bytes of the random prefix of that variant
const EXPONENT = 65537n; // the only one: under a small one a signer could learn of a message to which class it belongs

/** What stops a signature. code: "key", "message", "blind", "size", "signature". */
export class BlindError extends Error {
  constructor(code) {
    super("blindrsa: " + code);
    this.name = "BlindError";
    this.code = code;
  }
}

/** @param {Uint8Array} bytes big-endian */
export function toInt(bytes) {
  let hex = "0x0";
  for (const b of bytes) hex += b.toString(16).padStart(2, "0");
  return BigInt(hex);
}

/** @param {bigint} n below 256^size */
export function toBytes(n, size) {
  const hex = n.toString(16).padStart(2 * size, "0");
  if (n < 0n || hex.length > 2 * size) throw new BlindError("size");
  return Uint8Array.from({ length: size }, (_, i) => parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}

/** base^exponent mod n, exponent ≥ 0. */
function power(base, exponent, n) {
  let out = 1n;
  for (let b = base % n; exponent > 0n; exponent >>= 1n, b = (b * b) % n) if (exponent & 1n) out = (out * b) % n;
  return out;
}

/** The inverse of a modulo n, or null when they have a common factor (the extended algorithm of Euclid). */
export function inverse(a, n) {
  let [r0, r1, t0, t1] = [n, ((a % n) + n) % n, 0n, 1n];
  while (r1 > 0n) {
    const q = r0 / r1;
    [r0, r1, t0, t1] = [r1, r0 - q * r1, t1, t0 - q * t1];
  }
  return r0 === 1n ? ((t0 % n) + n) % n : null;
}

/**
 * Reads a public key: modulus of 2048 to 4096 bits, whole bytes, and exponent 65537, both big-endian.
 * @param {Uint8Array} modulus @param {Uint8Array} exponent
 */
export function publicKey(modulus, exponent) {
  const n = toInt(modulus);
  const size = modulus.length;
  if (size < 256 || size > 512 || modulus[0] < 0x80 || (n & 1n) === 0n || toInt(exponent) !== EXPONENT) throw new BlindError("key");
  return { n, size, modulus: modulus.slice(), exponent: exponent.slice() };
}

async function sha384(...parts) {
  const all = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const p of parts) {
    all.set(p, at);
    at += p.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-384", all));
}

/**
 * EMSA-PSS-ENCODE (RFC 8017, Section 9.1.1) with SHA-384 and MGF1 for a key whose modulus fills its bytes: emBits is one less
 * than its bits, so exactly the highest bit of the encoding is cleared.
 */
export async function encode(key, message, salt) {
  const dbLen = key.size - HASH - 1;
  const pad = dbLen - 1 - salt.length;
  if (pad < 0) throw new BlindError("key");
  const h = await sha384(new Uint8Array(8), await sha384(message), salt);
  const out = new Uint8Array(key.size);
  out[pad] = 1;
  out.set(salt, pad + 1);
  for (let i = 0; i * HASH < dbLen; i++) {
    const mask = await sha384(h, Uint8Array.of(i >>> 24, i >>> 16, i >>> 8, i));
    for (let j = 0; j < HASH && i * HASH + j < dbLen; j++) out[i * HASH + j] ^= mask[j];
  }
  out[0] &= 0x7f;
  out.set(h, dbLen);
  out[key.size - 1] = 0xbc;
  return out;
}

/** Prepare (Section 4.1): the message behind 32 random bytes, so that not even who chose the message knows what is signed. */
export function prepare(message) {
  const prefix = crypto.getRandomValues(new Uint8Array(PREFIX));
  const input = new Uint8Array(PREFIX + message.length);
  input.set(prefix);
  input.set(message, PREFIX);
  return { prefix, input };
}

/** Blind (Section 4.2) after the encoding, with a given factor r: the message to be signed as its signer sees it. */
export function blindEncoded(key, encoded, r) {
  const m = toInt(encoded);
  // Under a modulus made for it a common factor would tell the signer something of the message.
  if (inverse(m, key.n) === null) throw new BlindError("message");
  return toBytes((m * power(r, EXPONENT, key.n)) % key.n, key.size);
}

/** A number from 1 to n − 1, every one as likely as every other: what is too large is thrown away. */
function randomBelow(key) {
  for (;;) {
    const r = toInt(crypto.getRandomValues(new Uint8Array(key.size)));
    if (r > 0n && r < key.n) return r;
  }
}

/**
 * Blind (Section 4.2): blinded goes to the signer; unblind is the secret that takes the factor off again, for finalize. Whoever
 * has both can recognise the signature.
 */
export async function blind(key, input) {
  const encoded = await encode(key, input, crypto.getRandomValues(new Uint8Array(SALT)));
  const r = randomBelow(key);
  const inv = inverse(r, key.n);
  if (inv === null) throw new BlindError("blind");
  return { blinded: blindEncoded(key, encoded, r), unblind: toBytes(inv, key.size) };
}

function imported(key) {
  const text = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const jwk = { kty: "RSA", n: text(key.modulus), e: text(key.exponent), ext: true };
  return crypto.subtle.importKey("jwk", jwk, { name: "RSA-PSS", hash: "SHA-384" }, false, ["verify"]);
}

/** RSASSA-PSS-VERIFY with SHA-384, by the browser's own RSA and not by the arithmetic here. */
export async function verify(key, input, signature, saltLength = SALT) {
  key.imported ??= imported(key);
  return crypto.subtle.verify({ name: "RSA-PSS", saltLength }, await key.imported, signature, input);
}

/**
 * Finalize (Section 4.4): takes the factor off and checks the signature. A signature that is wrong must not be shown to anybody:
 * a key made for it could have marked the person by it.
 */
export async function finalize(key, input, blindSignature, unblind, saltLength = SALT) {
  if (blindSignature.length !== key.size || unblind.length !== key.size) throw new BlindError("size");
  const signature = toBytes((toInt(blindSignature) * toInt(unblind)) % key.n, key.size);
  if (!(await verify(key, input, signature, saltLength))) throw new BlindError("signature");
  return signature;
}
