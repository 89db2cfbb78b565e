// Finds codes in pictures, beside the page: a hard picture takes tens of milliseconds, and the page must not stop for it.

import { prepareZXingModule, readBarcodes } from "/static/vendor/zxing/reader/index.js";

prepareZXingModule({ overrides: { locateFile: () => "/static/vendor/zxing/reader/zxing_reader.wasm" } });

onmessage = async ({ data: { id, width, height, pixels, formats, thorough } }) => {
  try {
    const image = new ImageData(new Uint8ClampedArray(pixels), width, height);
    const found = await readBarcodes(image, {
      formats,
      maxNumberOfSymbols: 16,
      tryHarder: thorough,
      tryRotate: thorough,
      tryDownscale: true,
      tryDenoise: thorough,
      textMode: "Plain",
    });
    postMessage({ id, texts: found.filter((f) => f.isValid).map((f) => f.text) });
  } catch (e) {
    postMessage({ id, error: e && e.name ? e.name : "Error" });
  }
};
