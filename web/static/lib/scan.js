// Codes in pictures: the browser's own reader where it really has one for QR codes, else zxing in a worker. What a code means is
// not decided here.

/** Formats by the names of the Barcode Detection API. */
export const QR = ["qr_code"];
export const QR_AND_EAN = ["qr_code", "ean_13"];

const ZXING = { qr_code: "QRCode", ean_13: "EAN13" };
const MAX_FILE = 32 * 1024 * 1024;
const MAX_SIDE = 4096; // of a picture file when it is searched, in pixels
const TERM = 15_000; // milliseconds after which the reader counts as hung

let workerAt = "/static/lib/scan-worker.js";

/**
 * Says where the reader's worker lies: below the page's own folder, so that its service worker brings it when the network is
 * off. That file imports /static/lib/scan-worker.js and nothing else.
 */
export function useWorker(path) {
  workerAt = path;
}

/** An error of a picture or a camera with a code that the page has words for. */
export class ScanError extends Error {
  constructor(code) {
    super(code);
    this.name = "ScanError";
    this.code = code;
  }
}

/** The browser's own reader, if it is there and reads all formats; null otherwise. */
async function native(formats) {
  const Detector = globalThis.BarcodeDetector;
  if (!Detector) return null;
  try {
    const supported = await Detector.getSupportedFormats();
    if (!formats.every((f) => supported.includes(f))) return null;
    const detector = new Detector({ formats });
    // Some systems offer the interface and have nothing behind it: it has to read an empty picture without a complaint.
    const probe = new ImageData(8, 8);
    await detector.detect(probe);
    return detector;
  } catch {
    return null;
  }
}

/** zxing in a worker of its own; a worker that hangs or dies is replaced. */
class Zxing {
  constructor(formats) {
    this.formats = formats.map((f) => ZXING[f]);
    this.worker = null;
    this.waiting = new Map();
    this.last = 0;
  }

  start() {
    if (this.worker) return;
    this.worker = new Worker(workerAt, { type: "module" });
    this.worker.onmessage = ({ data }) => {
      const w = this.waiting.get(data.id);
      if (!w) return;
      this.waiting.delete(data.id);
      clearTimeout(w.timer);
      if (data.error) w.reject(new ScanError("reader-failed"));
      else w.resolve(data.texts);
    };
    this.worker.onerror = () => this.close();
  }

  /** @param {ImageData} image */
  read(image, thorough = false) {
    this.start();
    const id = ++this.last;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.close(), TERM);
      this.waiting.set(id, { resolve, reject, timer });
      const pixels = image.data.buffer;
      this.worker.postMessage({ id, width: image.width, height: image.height, pixels, formats: this.formats, thorough }, [pixels]);
    });
  }

  close() {
    if (this.worker) this.worker.terminate();
    this.worker = null;
    for (const w of this.waiting.values()) {
      clearTimeout(w.timer);
      w.reject(new ScanError("reader-failed"));
    }
    this.waiting.clear();
  }
}

/** Draws a picture no larger than side into pixels. */
function pixelsOf(picture, width, height, side) {
  const scale = Math.min(1, side / Math.max(width, height));
  const w = Math.max(1, Math.round(width * scale));
  const h = Math.max(1, Math.round(height * scale));
  const canvas = typeof OffscreenCanvas === "function" ? new OffscreenCanvas(w, h) : Object.assign(document.createElement("canvas"), { width: w, height: h });
  const g = canvas.getContext("2d", { willReadFrequently: true });
  if (!g) throw new ScanError("reader-failed");
  g.fillStyle = "#fff"; // a transparent picture is a picture on paper
  g.fillRect(0, 0, w, h);
  g.drawImage(picture, 0, 0, w, h);
  return g.getImageData(0, 0, w, h);
}

/**
 * Opens a reader of camera frames. name tells which one it is.
 * @returns {Promise<{name: string, read: (video: HTMLVideoElement) => Promise<string[]>, close: () => void}>}
 */
export async function openReader(formats = QR) {
  let detector = await native(formats);
  const zxing = new Zxing(formats);
  const reader = {
    name: detector ? "BarcodeDetector" : "zxing",
    async read(video) {
      if (detector) {
        try {
          return (await detector.detect(video)).map((c) => c.rawValue).filter((t) => typeof t === "string");
        } catch {
          detector = null; // it stopped working: go on with the other one
          reader.name = "zxing";
        }
      }
      return zxing.read(pixelsOf(video, video.videoWidth, video.videoHeight, 1280));
    },
    close: () => zxing.close(),
  };
  if (!detector) zxing.start();
  return reader;
}

/**
 * Reads the codes of a picture file; none is an empty list.
 * @param {Blob} blob
 */
export async function readPicture(blob, formats = QR) {
  if (blob.size > MAX_FILE) throw new ScanError("file-too-large");
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob);
  } catch {
    throw new ScanError("not-a-picture");
  }
  const zxing = new Zxing(formats);
  try {
    for (const side of [MAX_SIDE, 1600, 800]) {
      const texts = await zxing.read(pixelsOf(bitmap, bitmap.width, bitmap.height, side), true);
      if (texts.length > 0) return texts;
      if (Math.max(bitmap.width, bitmap.height) <= 800) break;
    }
    return [];
  } finally {
    bitmap.close();
    zxing.close();
  }
}
