// The code on the screen: drawn white, with a ring outside its quiet zone that never stands still, and never an old one.

import { drawSymbol, blank } from "/static/lib/qr.js";
import { el, svg } from "/static/lib/ui.js";

const RING = 12; // CSS pixels around the canvas (wallet.css .frame)
const LOOK = 200; // milliseconds between two looks at the clock

/**
 * A frame with a code in it. make() is asked for a code {symbol, issued_at, until} and may refuse; onState(state, error) hears
 * "shown", "blank" and "failed", onLeft(seconds) each full second.
 */
export class CodeFrame {
  constructor({ label, make, term, again = true, onState = () => {}, onLeft = () => {}, kind = "" }) {
    this.make = make;
    this.term = term; // milliseconds of a whole ring
    this.again = again; // makes the next code by itself
    this.onState = onState;
    this.onLeft = onLeft;
    this.canvas = el("canvas", { role: "img", "aria-label": label, width: 1, height: 1 });
    this.ring = svg("rect", { class: "ring", pathLength: "1", "stroke-dasharray": "1 1", "stroke-dashoffset": "0" });
    this.track = svg("rect", { class: "track" });
    this.dot = svg("circle", { class: "dot", r: "6" });
    this.drawing = svg("svg", { "aria-hidden": "true", focusable: "false" }, this.track, this.ring, this.dot);
    this.node = el("div", { class: `frame ${kind}`.trim() }, this.canvas, this.drawing);
    this.code = null;
    this.busy = false;
    this.stopped = false;
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    this.look = () => this.tick();
    this.hide = () => (document.hidden ? this.clear() : this.tick());
    this.leave = () => this.clear();
    this.resize = () => this.redraw();
  }

  start() {
    this.stopped = false;
    this.timer = setInterval(this.look, LOOK);
    document.addEventListener("visibilitychange", this.hide);
    addEventListener("pagehide", this.leave);
    addEventListener("resize", this.resize);
    const frame = () => {
      if (this.stopped) return;
      this.move();
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    this.tick();
  }

  stop() {
    this.stopped = true;
    clearInterval(this.timer);
    document.removeEventListener("visibilitychange", this.hide);
    removeEventListener("pagehide", this.leave);
    removeEventListener("resize", this.resize);
    this.clear();
  }

  /** Forgets the code and its picture. */
  clear() {
    if (this.code) this.onState("blank");
    this.code = null;
    this.canvas.removeAttribute("data-issued");
    blank(this.canvas);
  }

  /** Asks for another code at once, for example when another face was chosen. */
  renew() {
    this.clear();
    this.wanted = (this.wanted || 0) + 1;
    this.tick();
  }

  /** Tells whether the code may be seen now. A clock that was set back ends it, and so does time that no clock can set. */
  fresh(code) {
    const now = Date.now();
    return now < code.until && now > code.issued_at - 1500 && performance.now() - code.drawn < this.term + 1000;
  }

  tick() {
    if (this.stopped || document.hidden) return;
    if (this.code && !this.fresh(this.code)) {
      this.clear();
      if (!this.again) {
        this.onState("over");
        return;
      }
    }
    if (this.code) {
      const left = Math.max(0, Math.ceil((this.code.until - Date.now()) / 1000));
      if (left !== this.left) {
        this.left = left;
        this.onLeft(left);
      }
      return;
    }
    if (this.busy || (this.done && !this.again) || performance.now() < (this.pause || 0)) return;
    this.next();
  }

  async next() {
    this.busy = true;
    const wanted = this.wanted || 0;
    try {
      const code = await this.make();
      if (this.stopped || document.hidden || wanted !== (this.wanted || 0)) return; // what was asked for has changed
      code.drawn = performance.now();
      if (!this.fresh(code)) return; // it took too long: the next one
      this.code = code;
      this.done = true;
      this.left = -1;
      this.redraw();
      this.onState("shown");
    } catch (e) {
      this.pause = performance.now() + 2000;
      this.onState("failed", e);
    } finally {
      this.busy = false;
      if (!this.stopped && !this.code) setTimeout(this.look, 0);
      else this.tick();
    }
  }

  /** The room for the code: as wide as its place, and not higher than the window. */
  room() {
    const place = this.node.parentElement;
    const wide = place ? place.clientWidth : innerWidth;
    return Math.max(120, Math.min(wide, Math.max(240, innerHeight - 150), 720) - 2 * RING);
  }

  redraw() {
    if (!this.code) return;
    drawSymbol(this.canvas, this.code.symbol, this.room());
    this.canvas.setAttribute("data-issued", String(this.code.issued_at));
    this.outline();
    this.move();
  }

  outline() {
    const side = this.node.clientWidth || 1;
    this.drawing.setAttribute("viewBox", `0 0 ${side} ${side}`);
    for (const r of [this.track, this.ring]) {
      r.setAttribute("x", "4");
      r.setAttribute("y", "4");
      r.setAttribute("width", String(Math.max(1, side - 8)));
      r.setAttribute("height", String(Math.max(1, side - 8)));
      r.setAttribute("rx", "10");
    }
    this.length = this.track.getTotalLength ? this.track.getTotalLength() : 0;
  }

  /** Moves the ring: smoothly, or second by second for who wants less motion. */
  move() {
    if (!this.code) {
      this.ring.setAttribute("stroke-dashoffset", "1");
      this.dot.setAttribute("visibility", "hidden");
      return;
    }
    let left = this.code.until - Date.now();
    if (this.calm.matches) left = Math.ceil(left / 1000) * 1000;
    const part = Math.min(1, Math.max(0, left / this.term));
    this.ring.setAttribute("stroke-dashoffset", String(1 - part));
    if (this.length) {
      const p = this.track.getPointAtLength(this.length * part);
      this.dot.setAttribute("cx", String(p.x));
      this.dot.setAttribute("cy", String(p.y));
      this.dot.setAttribute("visibility", "visible");
    }
  }
}

/** Keeps the screen on while something has to be seen; a browser without it, or one that refuses, is no fault. */
export class Awake {
  constructor() {
    this.want = false;
    this.again = () => {
      if (this.want && !document.hidden) this.ask();
    };
  }

  async ask() {
    try {
      if (navigator.wakeLock && !this.lock) {
        this.lock = await navigator.wakeLock.request("screen");
        this.lock.addEventListener("release", () => (this.lock = null));
        if (!this.want) this.off();
      }
    } catch {
      this.lock = null; // low battery, or the page was hidden meanwhile
    }
  }

  on() {
    if (this.want) return;
    this.want = true;
    document.addEventListener("visibilitychange", this.again);
    this.ask();
  }

  off() {
    this.want = false;
    document.removeEventListener("visibilitychange", this.again);
    if (this.lock) this.lock.release().catch(() => {});
    this.lock = null;
  }
}
