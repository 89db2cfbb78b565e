// The camera of a page: the rear one first, stopped whenever the page is hidden, so that no light burns for nobody.

import { openReader, ScanError, QR } from "/static/lib/scan.js";

const FRAME = 60; // milliseconds between two looks at least

/** Tells why a camera did not open. */
function codeOf(e) {
  switch (e && e.name) {
    case "NotAllowedError":
    case "SecurityError":
      return "camera-denied";
    case "NotFoundError":
    case "OverconstrainedError":
      return "camera-missing";
    case "NotReadableError":
    case "AbortError":
      return "camera-busy";
  }
  return "camera-unsupported";
}

/** Opens the stream of a camera into a video element. deviceId: "" for the rear one. */
export async function openCamera(video, deviceId = "") {
  if (!navigator.mediaDevices || !navigator.mediaDevices.getUserMedia) throw new ScanError("camera-unsupported");
  const which = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: { ideal: "environment" } };
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { ...which, width: { ideal: 1280 }, height: { ideal: 720 } } });
  } catch (e) {
    throw new ScanError(codeOf(e));
  }
  video.srcObject = stream;
  video.muted = true;
  video.setAttribute("playsinline", "");
  const track = stream.getVideoTracks()[0];
  try {
    const can = track.getCapabilities ? track.getCapabilities() : {};
    if (can.focusMode && can.focusMode.includes("continuous")) await track.applyConstraints({ advanced: [{ focusMode: "continuous" }] });
  } catch {
    // A camera that cannot focus by itself is one that is held nearer or farther.
  }
  try {
    await video.play();
  } catch {
    // The page was hidden meanwhile; the stream is there and plays when it is seen again.
  }
  return stream;
}

/** Stops the camera of a video element. */
export function closeCamera(video) {
  const stream = video.srcObject;
  video.srcObject = null;
  if (stream) for (const track of stream.getTracks()) track.stop();
}

/** Tells whether the camera has a lamp. */
export function hasTorch(video) {
  const track = video.srcObject && video.srcObject.getVideoTracks()[0];
  try {
    return Boolean(track && track.getCapabilities && track.getCapabilities().torch);
  } catch {
    return false;
  }
}

/** Switches the lamp; false when there is none. */
export async function torch(video, on) {
  if (!hasTorch(video)) return false;
  try {
    await video.srcObject.getVideoTracks()[0].applyConstraints({ advanced: [{ torch: on }] });
    return true;
  } catch {
    return false;
  }
}

/** The cameras of this device; labels are there once one was allowed. */
export async function cameras() {
  try {
    return (await navigator.mediaDevices.enumerateDevices()).filter((d) => d.kind === "videoinput");
  } catch {
    return [];
  }
}

/**
 * Reads codes from the camera until the signal aborts. onTexts(texts) is called for each frame that has codes, onState(state)
 * with "open", "closed" (the page is hidden) and { reader } once. Rejects with a ScanError: camera-denied, camera-missing,
 * camera-busy, camera-unsupported.
 * @param {HTMLVideoElement} video
 */
export async function scan(video, onTexts, { signal, formats = QR, deviceId = "", onState = () => {} } = {}) {
  const reader = await openReader(formats);
  onState({ reader: reader.name });
  let wake = () => {};
  const changed = () => wake();
  document.addEventListener("visibilitychange", changed);
  if (signal) signal.addEventListener("abort", changed);
  const ended = () => Boolean(signal && signal.aborted);
  try {
    while (!ended()) {
      if (document.hidden) {
        closeCamera(video);
        onState("closed");
        await new Promise((resolve) => (wake = resolve));
        continue;
      }
      if (!video.srcObject || video.srcObject.getVideoTracks().every((t) => t.readyState === "ended")) {
        closeCamera(video);
        await openCamera(video, deviceId);
        if (ended()) break;
        onState("open");
      }
      const began = performance.now();
      if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && video.videoWidth > 0) {
        let texts = [];
        try {
          texts = await reader.read(video);
        } catch (e) {
          if (!(e instanceof ScanError)) throw e; // a frame that failed is followed by the next
        }
        if (texts.length > 0 && !ended() && !document.hidden) await onTexts(texts);
      }
      await new Promise((resolve) => {
        wake = resolve;
        setTimeout(resolve, Math.max(0, FRAME - (performance.now() - began)));
      });
    }
  } finally {
    document.removeEventListener("visibilitychange", changed);
    closeCamera(video);
    reader.close();
    onState("closed");
  }
}
