// Signs of outcomes: a tick in a disc, a question mark in a triangle, a cross in an octagon, the corners of an empty frame. They are
// told apart without colour.

import { svg } from "/static/lib/ui.js";

const paths = {
  accept: () => [svg("circle", { cx: 50, cy: 50, r: 48, fill: "#0b6b2e" }), svg("path", { d: "m26 52 17 18 32-38", fill: "none", stroke: "#fff", "stroke-width": 12, "stroke-linecap": "round", "stroke-linejoin": "round" })],
  refuse: () => [svg("path", { d: "M30 2h40l28 28v40L70 98H30L2 70V30z", fill: "#a80f0f" }), svg("path", { d: "M30 30l40 40M70 30 30 70", fill: "none", stroke: "#fff", "stroke-width": 13, "stroke-linecap": "round" })],
  "cannot-confirm": () => [svg("path", { d: "M50 4 98 94H2z", fill: "#ffb000", stroke: "#000", "stroke-width": 3, "stroke-linejoin": "round" }), svg("path", { d: "M38 50a12 12 0 1 1 17 11c-4 2-5 4-5 9", fill: "none", stroke: "#000", "stroke-width": 8, "stroke-linecap": "round" }), svg("circle", { cx: 50, cy: 83, r: 5, fill: "#000" })],
  waiting: () => [svg("path", { d: "M4 30V10a6 6 0 0 1 6-6h20M70 4h20a6 6 0 0 1 6 6v20M96 70v20a6 6 0 0 1-6 6H70M30 96H10a6 6 0 0 1-6-6V70", fill: "none", stroke: "currentColor", "stroke-width": 7 })],
};

/** Draws the sign of an outcome; of one that does not exist that of a refusal. */
export function sign(outcome) {
  const make = outcome === "judging" ? paths.waiting : paths[outcome] || paths.refuse;
  return svg("svg", { viewBox: "0 0 100 100", focusable: "false", "aria-hidden": "true" }, ...make());
}

let sound = null;

/** Sounds and vibrations need a gesture of a person first. */
export function allowSound() {
  try {
    sound ??= new AudioContext();
    if (sound.state === "suspended") sound.resume();
  } catch {
    sound = null;
  }
}

/** One stroke accepts, two do not confirm, three refuse; pitch and vibration differ too. */
export function strike(outcome, strokes) {
  const pitch = outcome === "accept" ? 880 : outcome === "cannot-confirm" ? 440 : 220;
  const length = outcome === "refuse" ? 0.28 : 0.14;
  if (sound && sound.state === "running") {
    for (let i = 0; i < strokes; i++) {
      const at = sound.currentTime + i * (length + 0.1);
      const tone = sound.createOscillator();
      const gain = sound.createGain();
      tone.type = outcome === "refuse" ? "square" : "sine";
      tone.frequency.value = pitch;
      gain.gain.setValueAtTime(0, at);
      gain.gain.linearRampToValueAtTime(0.25, at + 0.01);
      gain.gain.setValueAtTime(0.25, at + length - 0.02);
      gain.gain.linearRampToValueAtTime(0, at + length);
      tone.connect(gain).connect(sound.destination);
      tone.start(at);
      tone.stop(at + length + 0.02);
    }
  }
  try {
    const pattern = [];
    for (let i = 0; i < strokes; i++) pattern.push(outcome === "refuse" ? 250 : 90, 90);
    if (navigator.vibrate && navigator.userActivation && navigator.userActivation.hasBeenActive) navigator.vibrate(pattern);
  } catch {
    // A device without a motor.
  }
}
