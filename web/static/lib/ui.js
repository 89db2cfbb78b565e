// Small pieces of pages. Every text becomes a text node: nothing that came from outside is ever read as HTML.

/**
 * Makes an element. attrs: "class", "on" ({click: f}), booleans, and everything else as attributes; undefined and null are left out.
 * Children are elements, texts, arrays of them, or null.
 */
export function el(tag, attrs = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attrs || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") for (const [event, f] of Object.entries(value)) node.addEventListener(event, f);
    else if (value === true) node.setAttribute(name, "");
    else node.setAttribute(name, String(value));
  }
  append(node, children);
  return node;
}

function append(node, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) append(node, child);
    else node.append(child);
  }
}

/** Makes an SVG element. */
export function svg(tag, attrs = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attrs)) node.setAttribute(name, String(value));
  append(node, children);
  return node;
}

const KEY = "posvid-lang";

/** The reader's language: ?lang= of the address, else the saved choice, else Ukrainian. */
export function language() {
  const asked = new URLSearchParams(location.search).get("lang");
  if (asked === "en" || asked === "uk") {
    saveLanguage(asked);
    return asked;
  }
  try {
    return localStorage.getItem(KEY) === "en" ? "en" : "uk";
  } catch {
    return "uk";
  }
}

/** Keeps the choice of language. */
export function saveLanguage(lang) {
  try {
    localStorage.setItem(KEY, lang);
  } catch {
    // A browser that keeps nothing asks again.
  }
}

const kyiv = (options) => new Intl.DateTimeFormat("uk-UA", { timeZone: "Europe/Kyiv", ...options });
const asDate = kyiv({ day: "2-digit", month: "2-digit", year: "numeric" });
const asMinute = kyiv({ day: "2-digit", month: "2-digit", year: "numeric", hour: "2-digit", minute: "2-digit" });

/** ДД.ММ.РРРР in Kyiv. */
export const dateUA = (t) => asDate.format(new Date(t));

/** ДД.ММ.РРРР гг:хх in Kyiv. */
export const minuteUA = (t) => asMinute.format(new Date(t)).replace(",", "");

/** Says something to who listens to the page. */
export function announce(text) {
  const live = document.getElementById("live");
  if (live) live.textContent = text;
}
