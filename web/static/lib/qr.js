// Drawing of QR symbols and EAN-13 bars: black on white whatever the theme, whole pixels a module, quiet zone inside.

const QUIET = 4; // modules on each side (ISO/IEC 18004, Section 6.3.8)

/** Unpacks the bits of a symbol of cmd/posvid-wasm: one byte a module, 1 is dark. */
export function modulesOf(symbol) {
  const packed = atob(symbol.bits);
  const out = new Uint8Array(symbol.size * symbol.size);
  for (let i = 0; i < out.length; i++) out[i] = (packed.charCodeAt(i >> 3) >> (7 - (i & 7))) & 1;
  return out;
}

/**
 * Draws a symbol as large as room (CSS pixels) allows, with as many device pixels a module as fit whole.
 * @returns {number} the side of the canvas in CSS pixels, quiet zone included
 */
export function drawSymbol(canvas, symbol, room) {
  const ratio = globalThis.devicePixelRatio || 1;
  const side = symbol.size + 2 * QUIET;
  const scale = Math.max(1, Math.floor((room * ratio) / side));
  const pixels = side * scale;
  canvas.width = pixels;
  canvas.height = pixels;
  const css = pixels / ratio;
  canvas.style.width = `${css}px`;
  canvas.style.height = `${css}px`;
  const g = canvas.getContext("2d", { alpha: false });
  g.fillStyle = "#fff";
  g.fillRect(0, 0, pixels, pixels);
  g.fillStyle = "#000";
  const modules = modulesOf(symbol);
  for (let y = 0; y < symbol.size; y++) {
    for (let x = 0; x < symbol.size; ) {
      if (!modules[y * symbol.size + x]) {
        x++;
        continue;
      }
      let run = 1;
      while (x + run < symbol.size && modules[y * symbol.size + x + run]) run++;
      g.fillRect((x + QUIET) * scale, (y + QUIET) * scale, run * scale, scale);
      x += run;
    }
  }
  return css;
}

/** Makes a canvas white: what was shown can no longer be read from it. */
export function blank(canvas) {
  const g = canvas.getContext("2d", { alpha: false });
  g.fillStyle = "#fff";
  g.fillRect(0, 0, canvas.width, canvas.height);
}

// EAN-13 (GS1 General Specifications, Section 5.2.1): modules of the left digits in sets A and B; C is A turned to its
// complement, and the first digit stands in the choice of A and B.
const A = ["0001101", "0011001", "0010011", "0111101", "0100011", "0110001", "0101111", "0111011", "0110111", "0001011"];
const PARITY = ["AAAAAA", "AABABB", "AABBAB", "AABBBA", "ABAABB", "ABBAAB", "ABBBAA", "ABABAB", "ABABBA", "ABBABA"];
const complement = (s) => s.replace(/./g, (c) => (c === "0" ? "1" : "0"));
const reverse = (s) => [...s].reverse().join("");

/** The 95 modules of thirteen digits, as a text of 0 and 1; throws when the check digit is wrong. */
export function ean13(digits) {
  if (!/^[0-9]{13}$/.test(digits)) throw new RangeError("ean13: want 13 digits");
  let sum = 0;
  for (let i = 0; i < 12; i++) sum += Number(digits[i]) * (i % 2 ? 3 : 1);
  if ((10 - (sum % 10)) % 10 !== Number(digits[12])) throw new RangeError("ean13: wrong check digit");
  let out = "101";
  for (let i = 1; i <= 6; i++) {
    const a = A[Number(digits[i])];
    out += PARITY[Number(digits[0])][i - 1] === "A" ? a : reverse(complement(a));
  }
  out += "01010";
  for (let i = 7; i <= 12; i++) out += complement(A[Number(digits[i])]);
  return out + "101";
}

/** Draws EAN-13 bars with the quiet zones of 11 and 7 modules, as wide as room (CSS pixels) allows. */
export function drawEAN(canvas, digits, room, height) {
  const ratio = globalThis.devicePixelRatio || 1;
  const bars = ean13(digits);
  const wide = 11 + bars.length + 7;
  const scale = Math.max(1, Math.floor((room * ratio) / wide));
  canvas.width = wide * scale;
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${canvas.width / ratio}px`;
  canvas.style.height = `${height}px`;
  const g = canvas.getContext("2d", { alpha: false });
  g.fillStyle = "#fff";
  g.fillRect(0, 0, canvas.width, canvas.height);
  g.fillStyle = "#000";
  for (let i = 0; i < bars.length; i++) if (bars[i] === "1") g.fillRect((11 + i) * scale, 0, scale, canvas.height);
}
