// The wallet page: what the holder sees. The rules are Go's (cmd/posvid-wasm), the storage store.js's, the code code.js's.

import { el, language, saveLanguage, dateUA, minuteUA, announce } from "/static/lib/ui.js";
import { openWallets, wallet, start, PosvidError } from "/static/lib/wasm.js";
import { drawSymbol, drawEAN } from "/static/lib/qr.js";
import { get, post, limited } from "/static/lib/api.js";
import { ChangedError } from "/static/lib/db.js";
import { T, refusal, pick, speak } from "/wallet/texts.js";
import { openStore, readStore, writeStore, eraseStore, mark, marked } from "/wallet/store.js";
import { CodeFrame, Awake } from "/wallet/code.js";

const STEP = 30_000; // milliseconds that a code is shown
const SYNC = 15 * 60_000; // milliseconds between two looks for news while the page is open
const LOOK = 5_000; // milliseconds between two looks at what time alone changes: an ID begins, ends, is about to
const CLOCK = 30; // seconds of difference that a holder is told of
const ONLINE = 180; // seconds of a one-time code

const main = document.getElementById("main");
const notices = document.getElementById("notices");
const awake = new Awake();

const app = {
  lang: "uk",
  db: null,
  seq: 0,
  reading: null, // the reading of the store that Go works with, and the number of changes in it
  view: null, // what Go says there is
  chosen: "", // key of the ID that is shown
  face: "check",
  frame: null, // the CodeFrame on the screen
  stopScan: null,
  slip: null, // of a scanned slip
  login: "", // code of a log-in to Дія.Офіс
  bodies: null,
  damage: "", // why the storage did not open
  gone: false,
  refreshing: false,
  lastSync: 0,
  message: null, // {kind, text} to be shown once
  question: null,
  update: false,
  install: null, // the browser's install prompt
  offline: false, // the page opens without a network
  kept: null, // whether the browser promised to keep the data
  timers: [],
};

const other = typeof BroadcastChannel === "function" ? new BroadcastChannel("posvid-wallet") : null;

// ---------------------------------------------------------------- storage and Go

async function open() {
  app.damage = "";
  await start();
  if (!app.db) app.db = await openStore();
  let stored;
  try {
    stored = await readStore(app.db);
  } catch (e) {
    if (e.name !== "InvalidStateError") throw e;
    app.db = await openStore(); // another tab has erased everything, or the browser has, and closed what was open
    stored = await readStore(app.db);
  }
  const reading = (app.reading = { seq: stored.seq });
  app.seq = stored.seq;
  app.gone = stored.wallets.length === 0 && marked();
  await openWallets({
    origin: location.origin,
    wallets: stored.wallets,
    bundle: stored.bundle,
    facts: stored.facts,
    fetch: (path, init) => limited(path, init),
    store: (change) => write(reading, change),
  });
  await look();
}

/** Writes what was made of one reading of the store. What still runs with an earlier reading knows nothing of what came since. */
async function write(reading, change) {
  if (reading !== app.reading) throw new ChangedError();
  app.seq = reading.seq = await writeStore(app.db, reading.seq, change);
  if (other) other.postMessage(app.seq);
}

/** Asks Go what there is. */
async function look() {
  app.view = await wallet("view", { at: Date.now() });
  mark(app.view.ids.length > 0 || app.view.pending.length > 0 || app.view.damaged.length > 0 || app.gone);
  if (!app.view.ids.some((id) => keyOf(id) === app.chosen)) app.chosen = app.view.ids.length ? keyOf(app.view.ids[0]) : "";
}

/** Calls Go; where another tab has written meanwhile everything is read again, and the call made once more. */
async function ask(name, args = {}) {
  const waited = app.view ? app.view.pending.map((p) => p.wallet) : [];
  try {
    return await wallet(name, args);
  } catch (e) {
    if (!(e instanceof PosvidError) || e.code !== "storage" || !/Changed/.test(e.message)) throw e;
    try {
      await open();
    } catch (damage) {
      fail(damage);
      throw damage;
    }
    // A proof that is kept may have used the code up: it is sent again, and no other one is made.
    const begun = name === "enrol" && app.view.pending.find((p) => p.body === args.body && !waited.includes(p.wallet));
    return begun ? wallet("resend", { wallet: begun.wallet }) : wallet(name, args);
  }
}

const keyOf = (id) => `${id.wallet}/${id.body}/${id.number}`;
const chosen = () => (app.view ? app.view.ids.find((id) => keyOf(id) === app.chosen) : null) || null;
const named = (id, more = {}) => ({ wallet: id.wallet, body: id.body, number: id.number, ...more });

// ---------------------------------------------------------------- pages

const pages = { "": home, add, about, ask: question, online, checks, stop, office };

function route() {
  const hash = location.hash.slice(1);
  if (hash.startsWith("slip=")) {
    takeSlip(location.href);
    return "add";
  }
  if (hash.startsWith("office=")) {
    takeOffice(location.href);
    return "office";
  }
  return hash in pages ? hash : "";
}

/** Draws the page that the address names. focus: whether the reader came to another page. */
function render(focus = false) {
  leave();
  const name = route();
  document.documentElement.lang = app.lang;
  document.title = T("title");
  document.getElementById("title").textContent = T("title");
  document.querySelector(".skip").textContent = app.lang === "en" ? "To the content" : "До вмісту";
  menu(name);
  tellNotices(name);
  main.replaceChildren(...[].concat(app.damage && name !== "stop" ? damaged() : pages[name]()).filter(Boolean));
  for (const enter of entering.splice(0)) enter();
  if (focus) {
    const h1 = main.querySelector("h1");
    if (h1) {
      h1.tabIndex = -1;
      h1.focus();
    } else main.focus();
    scrollTo(0, 0);
  }
}

/** What has to run once the page stands in the document. */
const entering = [];

/** Ends what the page on the screen has running. */
function leave() {
  if (app.frame) app.frame.stop();
  app.frame = null;
  if (app.stopScan) app.stopScan();
  app.stopScan = null;
  for (const t of app.timers.splice(0)) clearInterval(t);
  for (const url of photos.splice(0)) URL.revokeObjectURL(url);
  awake.off();
}

function menu(name) {
  const item = (hash, text) => el("a", { href: `#${hash}`, "aria-current": name === hash ? "page" : null }, text);
  const nav = document.getElementById("nav");
  nav.setAttribute("aria-label", app.lang === "en" ? "Menu" : "Меню");
  nav.replaceChildren(item("", T("menuHome")), item("stop", T("menuStop")), item("about", T("menuAbout")));
  const button = document.getElementById("lang");
  button.textContent = T("language");
  button.lang = app.lang === "en" ? "uk" : "en";
}

function switchLanguage() {
  app.lang = app.lang === "en" ? "uk" : "en";
  saveLanguage(app.lang);
  speak(app.lang);
  const address = new URL(location.href);
  address.searchParams.delete("lang");
  history.replaceState(null, "", address);
  render();
}

const notice = (kind, ...content) => el("div", { class: `notice ${kind}` }, content);

function tellNotices(name) {
  const all = [];
  const v = app.view;
  if (app.message) {
    all.push(notice(app.message.kind, el("p", {}, app.message.text)));
    app.message = null;
  }
  if (app.update) all.push(notice("", el("p", {}, T("versionNew"), " ", el("button", { type: "button", class: "button quiet", on: { click: takeUpdate } }, T("versionTake")))));
  if (v && !app.damage) {
    if (v.damaged.length && name !== "stop") all.push(damagedSome(v.damaged));
    const c = v.clock;
    if (c && name !== "about" && Math.abs(c.offset_ms) - c.error_ms > CLOCK * 1000) {
      all.push(notice("warn", el("p", {}, T(c.offset_ms < 0 ? "clockAhead" : "clockBehind", { n: span(Math.abs(c.offset_ms)) }))));
    }
    if (v.ids.length && name === "" && (!v.bundle || v.bundle.expired || v.bundle.beacon_old)) all.push(notice("warn", el("p", {}, T("bundleExpired"))));
  }
  notices.replaceChildren(...all);
}

const span = (ms) => (ms >= 120_000 ? T("minutes", { n: Math.round(ms / 60_000) }) : T("seconds", { n: Math.round(ms / 1000) }));
const stateText = (id) => T(`state_${id.state.replace("-", "_")}`);

/** Says something at the top of the next page and to who listens. */
function say(kind, text) {
  app.message = { kind, text };
  announce(text);
}

function go(hash) {
  if (location.hash.slice(1) === hash) render(true);
  else location.hash = hash;
}

// ---------------------------------------------------------------- the code

function home() {
  const v = app.view;
  if (!v) return [el("p", { class: "loading" }, T("loading"))];
  const waiting = v.pending.map(waitingNotice);
  if (!v.ids.length) return [app.gone ? goneNotice() : null, ...waiting, waiting.length ? refreshRow() : null, waiting.length ? null : welcome()];
  const id = chosen();
  return [
    el("h1", { class: "visually-hidden" }, T("title")),
    ...waiting,
    v.ids.length > 1 ? choice(v.ids) : null,
    id.state === "issued" ? codeSection(id) : [stateSection(id), refreshRow()],
    id.state === "issued" && id.soon ? notice("warn", el("p", {}, T("soon", { t: dateUA(id.expires_at) }))) : null,
    person(id),
    id.state === "issued" ? hints() : null,
    actions(id),
    facts(id),
    id.state === "issued" ? refreshRow() : null,
  ].flat();
}

function choice(ids) {
  return el(
    "div",
    { class: "ids", role: "group", "aria-label": T("which") },
    ids.map((id) =>
      el(
        "button",
        {
          type: "button",
          class: "button quiet",
          "aria-pressed": keyOf(id) === app.chosen ? "true" : "false",
          on: {
            click: () => {
              app.chosen = keyOf(id);
              render();
              const pressed = main.querySelector('.ids [aria-pressed="true"]');
              if (pressed) pressed.focus();
              announce(`${T("number", { n: id.number })}: ${stateText(id)}`);
            },
          },
        },
        el("span", {}, T("number", { n: id.number }), id.state === "issued" ? "" : ` · ${stateText(id)}`),
        el("span", { class: "of" }, pick(id.body_name) || id.body),
      ),
    ),
  );
}

function codeSection(id) {
  const faces = id.faces.filter((f) => f.usable).map((f) => f.face);
  if (!faces.includes(app.face)) app.face = faces[0];
  const left = el("p", { class: "left", "aria-hidden": "true" }, T("codeWait"));
  const trouble = el("div", { role: "alert" });
  const frame = new CodeFrame({
    label: T("codeAlt"),
    term: STEP,
    make: () => ask("present", named(id, { face: app.face, at: Date.now() })),
    onLeft: (n) => (left.textContent = T("codeLeft", { n })),
    onState: (state, e) => {
      if (state === "shown") {
        trouble.replaceChildren();
        if (!performance.getEntriesByName("posvid-code").length) performance.mark("posvid-code");
      }
      if (state === "blank") left.textContent = T("codeWait");
      if (state === "failed") {
        const text = refusal(e);
        if (trouble.textContent !== text) trouble.replaceChildren(notice("bad", el("p", {}, text))); // it is tried every two seconds, and said once
        if (e && (e.code === "expired" || e.code === "not-yet")) look().then(() => render());
      }
    },
  });
  app.frame = frame;
  entering.push(() => {
    frame.start();
    awake.on();
  });
  return el(
    "section",
    { class: "show", "aria-label": T("codeAlt") },
    frame.node,
    left,
    trouble,
    faces.length > 1 ? faceSwitch(frame) : null,
  );
}

/** What the chosen face shows, and what helps a camera. */
function hints() {
  return el("div", {}, el("p", { class: "hint", id: "face-hint" }, T(app.face === "full" ? "faceFullHint" : "faceCheckHint")), el("p", { class: "hint" }, T("codeBright")));
}

function faceSwitch(frame) {
  const option = (face, text) =>
    el(
      "label",
      {},
      el("input", {
        type: "radio",
        name: "face",
        value: face,
        checked: app.face === face,
        "aria-describedby": "face-hint",
        on: {
          change: () => {
            app.face = face;
            document.getElementById("face-hint").textContent = T(face === "full" ? "faceFullHint" : "faceCheckHint");
            frame.renew();
          },
        },
      }),
      el("span", {}, text),
    );
  return el("fieldset", { class: "faces" }, el("legend", { class: "visually-hidden" }, T("faces")), option("check", T("faceCheck")), option("full", T("faceFull")));
}

const photos = [];

function photo(id) {
  if (!id.photo) return el("div", { class: "nophoto" }, T("noPhoto"));
  const bytes = Uint8Array.from(atob(id.photo), (c) => c.charCodeAt(0));
  const url = URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
  photos.push(url);
  return el("img", { src: url, alt: T("photoAlt") });
}

function person(id) {
  const post = [pick(id.position), id.rank ? T("rank", { n: id.rank }) : "", id.category ? T("category", { n: id.category }) : ""].filter(Boolean);
  return el(
    "section",
    { class: "person", "aria-label": T("which") },
    photo(id),
    el(
      "div",
      { class: "text" },
      el("p", { class: "name" }, id.name),
      post.length ? el("p", { class: "post" }, post.join(", ")) : null,
      pick(id.unit) ? el("p", {}, pick(id.unit)) : null,
      el("p", { class: "number" }, T("number", { n: id.number })),
      el("p", { class: "muted" }, pick(id.body_name) || id.body),
      el("p", { class: "muted" }, `${T("factExpires")} ${dateUA(id.expires_at)}`),
    ),
  );
}

function stateSection(id) {
  const key = id.state.replace("-", "_");
  const first = id.faces[0];
  return el(
    "section",
    { class: `notice state ${id.state === "not-yet" || id.state === "expired" ? "warn" : "bad"}` },
    el("h2", {}, stateText(id)),
    el("p", {}, T(`say_${key}`, { t: minuteUA(id.state === "not-yet" && first ? first.issued_at : id.expires_at) })),
    el("p", {}, T(`do_${key}`)),
  );
}

function actions(id) {
  const link = (hash, text) => el("a", { class: "button quiet", href: `#${hash}` }, text);
  return el(
    "nav",
    { class: "actions", "aria-label": app.lang === "en" ? "Actions" : "Дії" },
    id.state === "issued" ? link("ask", T("actAsk")) : null,
    id.state === "issued" ? link("online", T("actOnline")) : null,
    id.state === "issued" ? link("office", T("actOffice")) : null,
    link("checks", T("actChecks")),
    link("add", T("actAdd")),
  );
}

function facts(id) {
  const row = (name, value) => [el("dt", {}, name), el("dd", {}, value)];
  const ended = ["revoked", "replaced", "expired"].includes(id.state);
  return el(
    "details",
    { class: "card" },
    el("summary", {}, T("details")),
    el(
      "dl",
      { class: "facts" },
      row(T("factNumber"), id.number),
      row(T("factBody"), pick(id.body_name) || "—"),
      row(T("factEDRPOU"), id.body),
      row(T("factState"), stateText(id)),
      row(T("factAsOf"), id.as_of ? T("kyiv", { t: minuteUA(id.as_of) }) : T("factNever")),
      row(T("factExpires"), T("kyiv", { t: minuteUA(id.expires_at) })),
    ),
    el(
      "div",
      { class: "row" },
      id.state === "issued" ? el("button", { type: "button", class: "button danger", on: { click: () => end(id, "stop") } }, T("actStop")) : null,
      ended ? null : el("button", { type: "button", class: "button danger", on: { click: () => end(id, "withdraw") } }, T("actWithdraw")),
      el("button", { type: "button", class: "button quiet", on: { click: () => remove(id.wallet) } }, T("actRemove")),
    ),
  );
}

function refreshRow() {
  const button = el("button", { type: "button", class: "button quiet", disabled: app.refreshing, on: { click: () => refresh(true) } }, app.refreshing ? T("refreshing") : T("refresh"));
  return el("p", { class: "row" }, button);
}

// ---------------------------------------------------------------- news from the service

/** Brings clock, bundle, states and newer tokens. spoken: the holder asked for it and hears what came of it. */
async function refresh(spoken = false) {
  if (app.refreshing || !app.view || app.damage) return;
  if (!app.view.ids.length && !app.view.pending.length) return;
  app.refreshing = true;
  let kind = "good";
  let text = T("refreshed");
  try {
    const report = await ask("sync");
    app.lastSync = Date.now();
    if (report.failed.length) {
      kind = "warn";
      text = T("refreshedPart", { codes: [...new Set(report.failed.map((f) => f.code))].join(", ") });
    }
  } catch (e) {
    kind = "warn";
    text = e.code === "offline" ? T("refreshOffline") : refusal(e);
  } finally {
    app.refreshing = false;
  }
  const before = JSON.stringify(app.view);
  await look().catch(() => {});
  if (spoken) {
    say(kind, text);
    scrollTo(0, 0); // where it is said
  }
  // The page is drawn again only when it says something new: a form in it is not to be lost, nor a code to blink.
  if (spoken || (["", "about"].includes(route()) && JSON.stringify(app.view) !== before)) render();
}

/** Draws the code's page again when time has changed what it says. */
async function passing() {
  if (document.hidden || !app.view || app.refreshing || app.damage || route() !== "") return;
  const before = JSON.stringify(app.view);
  await look().catch(() => {});
  if (JSON.stringify(app.view) !== before && route() === "") render();
}

// ---------------------------------------------------------------- welcome and enrolment

function welcome() {
  return el("section", {}, el("h1", {}, T("welcome")), el("p", {}, T("welcomeText")), el("p", { class: "row" }, el("a", { class: "button", href: "#add" }, T("actAdd"))), el("p", { class: "hint" }, T("enrolNewPhone")), installPart());
}

function goneNotice() {
  return notice("bad", el("h2", {}, T("goneTitle")), el("p", {}, T("goneText")));
}

function waitingNotice(p) {
  const body = pick(p.body_name) || p.body;
  return notice(
    p.code && p.code !== "offline" ? "warn" : "",
    el("p", {}, p.taken ? T("enrolPending") : T("enrolNotSent", { body })),
    p.code && p.code !== "offline" ? el("p", {}, refusal({ code: p.code })) : null,
    el("p", { class: "row" }, el("button", { type: "button", class: "button quiet", on: { click: () => remove(p.wallet) } }, T("actRemove"))),
  );
}

const SLIP = /^#slip=([0-9]{8})\.([0-9]{1,12})\.([0-9A-HJKMNP-TV-Z]{16})\.([A-Z2-7]{52})$/;

/** Takes a slip's link; the code is taken out of the address at once. False when it is none of this service. */
function takeSlip(text) {
  let address = null;
  try {
    address = new URL(text);
  } catch {
    say("bad", T("slipNot"));
    return false;
  }
  const m = SLIP.exec(address.hash);
  if (location.hash.startsWith("#slip=")) history.replaceState(null, "", "#add");
  if (!m || address.pathname !== "/wallet/") {
    say("bad", T("slipNot"));
    return false;
  }
  if (address.origin !== location.origin) {
    say("bad", T("slipOther", { host: address.host }));
    return false;
  }
  app.slip = { body: m[1], slip: Number(m[2]), code: m[3].replace(/(.{4})(?=.)/g, "$1-"), root: m[4].replace(/(.{4})(?=.)/g, "$1-") };
  announce(T("slipRead"));
  return true;
}

const ios = () => /iPhone|iPad|iPod/.test(navigator.userAgent) || (navigator.platform === "MacIntel" && navigator.maxTouchPoints > 1);
const standalone = () => matchMedia("(display-mode: standalone)").matches || navigator.standalone === true;

function add() {
  if (!app.view) return [el("p", { class: "loading" }, T("loading"))];
  const box = el("section", {}, el("h1", {}, T("welcome")), el("p", {}, T("welcomeText")));
  if (ios() && !standalone() && !app.safari) {
    box.append(notice("warn", el("p", {}, T("iosFirst")), el("p", {}, el("button", { type: "button", class: "button quiet", on: { click: () => ((app.safari = true), render()) } }, T("iosAnyway")))));
    return box;
  }
  const scanPlace = el("div");
  const form = el("div");
  box.append(
    el("p", { class: "row" }, el("button", { type: "button", class: "button", on: { click: () => scanInto(scanPlace, T("scanSlipHow"), (text) => takeSlip(text) && (render(true), true)) } }, T("scanSlip"))),
    scanPlace,
    form,
    el("p", { class: "hint" }, T("enrolNewPhone")),
  );
  const known = app.bodies ? Promise.resolve(app.bodies) : get("/api/v1/bodies");
  known.then(
    (b) => {
      app.bodies = b;
      if (form.isConnected) form.replaceChildren(enrolForm(b));
    },
    (e) => {
      if (form.isConnected) form.replaceChildren(notice("warn", el("p", {}, e.code === "offline" ? T("needOnline") : refusal(e)), el("p", {}, el("button", { type: "button", class: "button quiet", on: { click: () => render() } }, T("retry")))));
    },
  );
  return box;
}

function enrolForm(known) {
  const slip = app.slip || {};
  const root = slip.root || (app.view && app.view.root) || known.root || "";
  const trouble = el("div", { role: "alert" });
  const body = el(
    "select",
    { id: "body", name: "body", required: true },
    known.bodies.length > 1 && !slip.body ? el("option", { value: "" }, "") : null,
    known.bodies.map((b) => el("option", { value: b.edrpou, selected: b.edrpou === slip.body || known.bodies.length === 1 }, `${(app.lang === "en" && b.name_en) || b.name} (${b.edrpou})`)),
  );
  const code = el("input", { id: "code", name: "code", class: "code", type: "text", required: true, autocomplete: "off", autocapitalize: "characters", autocorrect: "off", spellcheck: "false", maxlength: "64", "aria-describedby": "code-hint", value: slip.code || "" });
  const number = el("input", { id: "slip", name: "slip", type: "text", inputmode: "numeric", pattern: "[0-9]*", autocomplete: "off", maxlength: "12", value: slip.slip || "" });
  // A root that the service names and nobody compared would be the service's word about itself.
  const compared = slip.root || (app.view && app.view.root) ? null : el("input", { id: "compared", type: "checkbox" });
  const submit = el("button", { type: "submit", class: "button" }, T("enrol"));
  const form = el(
    "form",
    { novalidate: true },
    app.slip ? notice("good", el("p", {}, T("slipRead"))) : el("h2", {}, T("orType")),
    el("div", { class: "field" }, el("label", { for: "body" }, T("fieldBody")), body),
    el("div", { class: "field" }, el("label", { for: "code" }, T("fieldCode")), el("p", { class: "hint", id: "code-hint" }, T("fieldCodeHint")), code),
    el("div", { class: "field" }, el("label", { for: "slip" }, T("fieldSlip")), number),
    el("div", { class: "field" }, el("p", { class: "label" }, T("fieldRoot")), el("p", { class: "fingerprint", id: "root" }, root.replace(/-/g, " ")), el("p", { class: "hint" }, slip.root ? T("rootFromSlip") : T("rootCompare"))),
    compared && el("p", { class: "check" }, compared, el("label", { for: "compared" }, T("rootCompared"))),
    trouble,
    el("p", { class: "hint" }, T("storageAsks")),
    el("p", { class: "row" }, submit),
  );
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    trouble.replaceChildren();
    if (!body.value) {
      trouble.replaceChildren(notice("bad", el("p", {}, T("err_bad_body"))));
      body.focus();
      return;
    }
    if (compared && !compared.checked) {
      trouble.replaceChildren(notice("bad", el("p", {}, T("rootNotCompared"))));
      compared.focus();
      return;
    }
    submit.disabled = true;
    submit.textContent = T("enrolling");
    try {
      const answer = await ask("enrol", { body: body.value, code: code.value, slip: Number(number.value) || 0, root });
      app.slip = null;
      app.gone = false;
      await look();
      const fresh = app.view.ids.find((id) => id.wallet === answer.wallet);
      if (fresh) app.chosen = keyOf(fresh);
      const text = fresh ? T("enrolled") : T("enrolPending");
      await keepSafely(false);
      say(app.kept ? "good" : "warn", app.kept ? text : `${text} ${T("storageRefused")}`);
      go("");
    } catch (err) {
      await look().catch(() => {});
      submit.disabled = false;
      submit.textContent = T("enrol");
      if (app.view.pending.length && !app.view.ids.length && err.code === "offline") {
        app.slip = null;
        go("");
        return;
      }
      trouble.replaceChildren(notice("bad", el("p", {}, refusal(err))));
      if (err.code === "bad-code") code.focus();
    }
  });
  return form;
}

// ---------------------------------------------------------------- camera

/** Puts a camera into place; take(text) answers whether the text was what was wanted. */
async function scanInto(place, how, take) {
  if (app.stopScan) app.stopScan();
  const abort = new AbortController();
  const video = el("video", { playsinline: true, muted: true, "aria-label": how });
  const stop = () => {
    abort.abort();
    place.replaceChildren();
    if (app.stopScan === stop) app.stopScan = null;
  };
  app.stopScan = stop;
  place.replaceChildren(el("p", {}, how), el("div", { class: "scanner" }, video), el("p", { class: "row" }, el("button", { type: "button", class: "button quiet", on: { click: stop } }, T("close"))));
  let camera;
  try {
    const { useWorker } = await import("/static/lib/scan.js");
    useWorker("/wallet/scan-worker.js");
    camera = await import("/static/lib/camera.js");
  } catch {
    place.replaceChildren(notice("warn", el("p", {}, T("cameraNoDecoder"))));
    return;
  }
  let last = "";
  try {
    await camera.scan(
      video,
      (found) => {
        for (const text of found) {
          if (abort.signal.aborted || text === last) continue;
          last = text;
          if (take(text)) stop();
          else tellNotices(route());
        }
      },
      { signal: abort.signal },
    );
  } catch (e) {
    if (!abort.signal.aborted) place.replaceChildren(notice("warn", el("p", {}, T(e && (e.code === "camera-missing" || e.code === "camera-unsupported") ? "cameraNone" : "cameraRefused"))));
  }
}

// ---------------------------------------------------------------- a verifier's question

function question() {
  const id = chosen();
  if (!app.view) return [el("p", { class: "loading" }, T("loading"))];
  if (!id) return [welcome()];
  const place = el("div");
  const trouble = el("div", { role: "alert" });
  const field = el("textarea", { id: "question", rows: "3", autocomplete: "off", spellcheck: "false", maxlength: "5000" });
  let taken = false; // one question is being read, or is shown: it stays, and nothing changes under a finger that is about to agree
  const read = async (text) => {
    if (taken) return false;
    if (/#office=/.test(text) && takeOffice(text.trim())) {
      go("office");
      return true;
    }
    taken = true;
    trouble.replaceChildren();
    try {
      const q = await ask("question", { text: text.trim(), at: Date.now() });
      if (app.stopScan) app.stopScan();
      box.replaceChildren(...asked(q, box));
      const h = box.querySelector("h1");
      h.tabIndex = -1;
      h.focus();
      return true;
    } catch (e) {
      taken = false;
      trouble.replaceChildren(notice("bad", el("p", {}, refusal(e))));
      return false;
    }
  };
  const box = el(
    "section",
    {},
    el("h1", {}, T("askTitle")),
    el("p", {}, T("scanAsk")),
    el("p", { class: "row" }, el("button", { type: "button", class: "button", id: "scan", on: { click: () => scanInto(place, T("scanAsk"), (text) => (read(text), false)) } }, T("scanAskButton"))),
    place,
    trouble,
    el(
      "form",
      {
        on: {
          submit: (e) => {
            e.preventDefault();
            read(field.value);
          },
        },
      },
      el("div", { class: "field" }, el("label", { for: "question" }, T("askPaste")), field),
      el("p", { class: "row" }, el("button", { type: "submit", class: "button quiet" }, T("askRead")), el("a", { class: "button quiet", href: "#" }, T("back"))),
    ),
  );
  return box;
}

/** Who asks, and the holder's choice. Nothing has left the phone before. */
function asked(q, box) {
  const usable = app.view.ids.filter((id) => id.state === "issued");
  const which = el("select", { id: "which" }, usable.map((id) => el("option", { value: keyOf(id), selected: keyOf(id) === app.chosen }, `${T("number", { n: id.number })} · ${pick(id.body_name) || id.body}`)));
  const row = (name, value) => [el("dt", {}, name), el("dd", {}, value)];
  const trouble = el("div", { role: "alert" });
  let face = app.face;
  const option = (value, text) => el("label", {}, el("input", { type: "radio", name: "answer-face", value, checked: face === value, on: { change: () => (face = value) } }), el("span", {}, text));
  const yes = el("button", { type: "button", class: "button", id: "answer" }, T("askYes"));
  yes.addEventListener("click", async () => {
    const id = usable.find((i) => keyOf(i) === which.value);
    if (!id) return;
    yes.disabled = true;
    try {
      const code = await ask("answer", named(id, { face, at: Date.now(), question: q.question }));
      box.replaceChildren(...answered(code));
      startFrame();
    } catch (e) {
      yes.disabled = false;
      trouble.replaceChildren(notice("bad", el("p", {}, refusal(e))));
    }
  });
  return [
    el("h1", {}, T("askWho")),
    el("p", { class: "who" }, q.name),
    el("dl", { class: "facts" }, row(T("askBody"), `${pick(q.body_name) || "—"} (${q.body})`), row(T("askClass"), T(`askClass_${q.class in { checkpoint: 1, council: 1 } ? q.class : "none"}`)), row(T("askUntil"), T("kyiv", { t: minuteUA(q.expires_at) }))),
    el("p", {}, T("askSign")),
    usable.length > 1 ? el("div", { class: "field" }, el("label", { for: "which" }, T("askWhich")), which) : null,
    el("fieldset", { class: "faces" }, el("legend", { class: "visually-hidden" }, T("faces")), option("check", T("faceCheck")), option("full", T("faceFull"))),
    trouble,
    el("p", { class: "row" }, yes, el("button", { type: "button", class: "button quiet", on: { click: () => render(true) } }, T("askNo"))),
  ].filter(Boolean);
}

let startFrame = () => {};

function answered(code) {
  const left = el("p", { class: "left" });
  const term = Math.max(1, code.until - Date.now());
  let given = code;
  const frame = new CodeFrame({
    label: T("answerAlt"),
    kind: "answer",
    term,
    again: false,
    make: async () => {
      if (!given) throw new PosvidError({ code: "question-time" });
      const c = given;
      given = null;
      return c;
    },
    onLeft: (n) => (left.textContent = T("answerLeft", { n })),
    onState: (state) => {
      if (state === "blank" || state === "over") {
        left.textContent = T("answerOver");
        announce(T("answerOver"));
      }
    },
  });
  app.frame = frame;
  startFrame = () => {
    frame.start();
    awake.on();
  };
  const h = el("h1", {}, T("answerShow"));
  return [h, el("div", { class: "show" }, frame.node, left), person(chosen()), el("p", { class: "row" }, el("a", { class: "button quiet", href: "#" }, T("back")))];
}

// ---------------------------------------------------------------- one-time code

function online() {
  const id = chosen();
  if (!app.view) return [el("p", { class: "loading" }, T("loading"))];
  if (!id) return [welcome()];
  const place = el("div");
  const trouble = el("div", { role: "alert" });
  const make = el("button", { type: "button", class: "button", id: "make" }, T("onlineMake"));
  make.addEventListener("click", async () => {
    make.disabled = true;
    trouble.replaceChildren();
    try {
      const code = await ask("online", named(id));
      showOnline(place, code, make);
      make.textContent = T("onlineAgain");
    } catch (e) {
      trouble.replaceChildren(notice("bad", el("p", {}, e.code === "offline" ? T("onlineNeeds") : refusal(e))));
    } finally {
      make.disabled = false;
    }
  });
  return el("section", {}, el("h1", {}, T("onlineTitle")), el("p", {}, T("onlineText")), place, trouble, el("p", { class: "row" }, make, el("a", { class: "button quiet", href: "#" }, T("back"))));
}

function showOnline(place, code, make) {
  for (const t of app.timers.splice(0)) clearInterval(t);
  const link = el("canvas", { role: "img", "aria-label": T("onlineAlt") });
  const bars = el("canvas", { role: "img", "aria-label": T("onlineBars") });
  const timer = el("p", { class: "timer", role: "timer" });
  const frame = el("div", { class: "frame" }, link);
  const strip = el("div", { class: "frame" }, bars);
  const digits = el("p", { class: "digits" }, code.digits.replace(/^(\d)(\d{6})(\d{6})$/, "$1 $2 $3"));
  place.replaceChildren(el("div", { class: "show" }, frame, strip, digits, timer));
  const room = Math.min(place.clientWidth - 24, 420);
  drawSymbol(link, code.symbol, room);
  drawEAN(bars, code.digits, room, 80);
  awake.on();
  // Time that the phone's clock cannot change: the service counts by its own.
  const end = performance.now() + Math.min(code.seconds, ONLINE) * 1000;
  const tick = () => {
    const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    if (left > 0) {
      timer.textContent = T("onlineLeft", { t: `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}` });
      return;
    }
    for (const t of app.timers.splice(0)) clearInterval(t);
    timer.classList.add("over");
    timer.textContent = T("onlineOver");
    frame.remove();
    strip.remove();
    digits.remove();
    announce(T("onlineOver"));
    awake.off();
    make.focus();
  };
  tick();
  app.timers.push(setInterval(tick, 250));
}

// ---------------------------------------------------------------- log-in to Дія.Офіс

const LOGIN = /^#office=([0-9A-HJKMNP-TV-Z]{32})$/;

/** Takes the link of a log-in page; the code is taken out of the address at once. False when it is none of this service. */
function takeOffice(text) {
  let address = null;
  try {
    address = new URL(text);
  } catch {
    say("bad", T("officeNot"));
    return false;
  }
  const m = LOGIN.exec(address.hash);
  if (location.hash.startsWith("#office=")) history.replaceState(null, "", "#office");
  if (!m || address.pathname !== "/wallet/") {
    say("bad", T("officeNot"));
    return false;
  }
  if (address.origin !== location.origin) {
    say("bad", T("officeOther", { host: address.host }));
    return false;
  }
  app.login = m[1];
  return true;
}

/** The number of a log-in that this very tab began; 0 when another device did. */
function ownNumber(code) {
  try {
    const own = JSON.parse(sessionStorage.getItem("posvid-office-login") || "{}");
    return own.code === code && own.number >= 10 && own.number <= 99 ? own.number : 0;
  } catch {
    return 0;
  }
}

function office() {
  if (!app.view) return [el("p", { class: "loading" }, T("loading"))];
  const usable = app.view.ids.filter((id) => id.state === "issued");
  if (!usable.length) return [el("h1", {}, T("officeTitle")), notice("warn", el("p", {}, T("officeNone"))), el("p", { class: "row" }, el("a", { class: "button quiet", href: "#" }, T("back")))];
  if (!app.login) {
    const place = el("div");
    return [
      el("h1", {}, T("officeTitle")),
      el("p", {}, T("officeScan")),
      el("p", { class: "row" }, el("button", { type: "button", class: "button", id: "scan-login", on: { click: () => scanInto(place, T("officeScan"), (text) => takeOffice(text) && (render(true), true)) } }, T("officeScanButton")), el("a", { class: "button quiet", href: "#" }, T("back"))),
      place,
    ];
  }
  const code = app.login;
  const own = ownNumber(code);
  const trouble = el("div", { role: "alert" });
  const which = el("select", { id: "login-id" }, usable.map((id) => el("option", { value: keyOf(id), selected: keyOf(id) === app.chosen }, `${T("number", { n: id.number })} · ${pick(id.body_name) || id.body}`)));
  const digits = el("input", { id: "login-digits", class: "code", type: "text", inputmode: "numeric", pattern: "[0-9]*", maxlength: "2", autocomplete: "off", required: true });
  const yes = el("button", { type: "submit", class: "button", id: "login-yes" }, T("officeYes"));
  const no = el("button", { type: "button", class: "button danger", id: "login-no" }, T("officeNo"));
  const answer = async (confirm) => {
    const id = usable.find((i) => keyOf(i) === which.value) || usable[0];
    yes.disabled = no.disabled = true;
    trouble.replaceChildren();
    try {
      await ask("office", named(id, { code, digits: confirm ? own || Number(digits.value) : 0, confirm }));
    } catch (e) {
      if (e.code !== "offline") app.login = ""; // it is asked once; what the network lost may be sent again
      yes.disabled = no.disabled = false;
      trouble.replaceChildren(notice("bad", el("p", {}, refusal(e))));
      return;
    }
    app.login = "";
    sessionStorage.removeItem("posvid-office-login");
    if (own && confirm) {
      location.assign("/office/login/wait");
      return;
    }
    say(confirm ? "good" : "", T(confirm ? "officeDone" : "officeRefused"));
    go("");
  };
  const form = el(
    "form",
    { novalidate: true },
    usable.length > 1 ? el("div", { class: "field" }, el("label", { for: "login-id" }, T("askWhich")), which) : null,
    own ? null : el("div", { class: "field" }, el("label", { for: "login-digits" }, T("officeNumber")), digits),
    trouble,
    el("p", { class: "row" }, yes, no),
  );
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    if (!own && !/^[1-9][0-9]$/.test(digits.value.trim())) {
      trouble.replaceChildren(notice("bad", el("p", {}, T("officeNumberWrong"))));
      digits.focus();
      return;
    }
    answer(true);
  });
  no.addEventListener("click", () => answer(false));
  return [el("h1", {}, T(own ? "officeAskHere" : "officeAsk")), el("p", {}, T("officeWarn")), form];
}

// ---------------------------------------------------------------- who checked me

function checks() {
  const id = chosen();
  if (!app.view) return [el("p", { class: "loading" }, T("loading"))];
  if (!id) return [welcome()];
  const place = el("div", {}, el("p", { class: "loading" }, T("refreshing")));
  const list = el("ul", { class: "checks" });
  const more = async (before) => {
    try {
      const answer = await ask("checks", named(id, before ? { before } : {}));
      if (!list.children.length && !answer.checks.length) {
        place.replaceChildren(el("p", {}, T("checksNone")));
        return;
      }
      for (const c of answer.checks) list.append(check(c));
      const last = answer.checks[answer.checks.length - 1];
      place.replaceChildren(...[list, answer.more && last ? el("p", {}, el("button", { type: "button", class: "button quiet", on: { click: () => more(last.check) } }, T("checksMore"))) : null].filter(Boolean));
    } catch (e) {
      place.replaceChildren(notice("warn", el("p", {}, refusal(e))));
    }
  };
  more(0);
  return el("section", {}, el("h1", {}, T("checksTitle")), el("p", {}, T("checksText")), place, el("p", { class: "row" }, el("a", { class: "button quiet", href: "#" }, T("back"))));
}

const instant = (t) => (typeof t === "number" ? t * 1000 : t);

function check(c) {
  const v = c.verifier;
  const who = v && v.name ? [el("strong", {}, v.name), v.body ? `, ${v.body}` : "", v.place ? `, ${v.place}` : ""] : T("checksNobody");
  const verdict = c.answer === "ok" ? T("checkAnswer_ok") : T("checkAnswer_no");
  return el("li", {}, el("span", { class: "muted" }, T("kyiv", { t: minuteUA(instant(c.at)) })), el("br"), who, el("br"), `${verdict} · ${T(c.mode === "full" ? "checkFull" : "checkValidate")}`);
}

// ---------------------------------------------------------------- stop, withdraw, remove

function stop() {
  const place = el("div");
  const box = el("section", {}, el("h1", {}, T("stopTitle")), el("p", {}, T("stopText")), place, el("p", {}, T("stopNoCode"), " ", el("a", { href: "/login?return=/holder/" }, T("stopLogin"))));
  const known = app.bodies ? Promise.resolve(app.bodies) : get("/api/v1/bodies");
  known.then(
    (b) => {
      app.bodies = b;
      if (place.isConnected) place.replaceChildren(stopForm(b));
    },
    (e) => place.replaceChildren(notice("warn", el("p", {}, refusal(e)), el("p", {}, el("button", { type: "button", class: "button quiet", on: { click: () => render() } }, T("retry"))))),
  );
  return box;
}

function stopForm(known) {
  const trouble = el("div", { role: "alert" });
  const body = el("select", { id: "stop-body", required: true }, known.bodies.length > 1 ? el("option", { value: "" }, "") : null, known.bodies.map((b) => el("option", { value: b.edrpou }, `${(app.lang === "en" && b.name_en) || b.name} (${b.edrpou})`)));
  const code = el("input", { id: "stop-code", class: "code", type: "text", required: true, autocomplete: "off", autocapitalize: "characters", autocorrect: "off", spellcheck: "false", maxlength: "64", "aria-describedby": "stop-hint" });
  const submit = el("button", { type: "submit", class: "button danger" }, T("stopDo"));
  const form = el(
    "form",
    { novalidate: true },
    el("div", { class: "field" }, el("label", { for: "stop-body" }, T("fieldBody")), body),
    el("div", { class: "field" }, el("label", { for: "stop-code" }, T("fieldStop")), el("p", { class: "hint", id: "stop-hint" }, T("fieldStopHint")), code),
    trouble,
    el("p", { class: "row" }, submit),
  );
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    trouble.replaceChildren();
    if (!body.value || !code.value.trim()) {
      trouble.replaceChildren(notice("bad", el("p", {}, T(body.value ? "err_bad_code" : "err_bad_body"))));
      (body.value ? code : body).focus();
      return;
    }
    submit.disabled = true;
    try {
      await post(`/api/v1/bodies/${encodeURIComponent(body.value)}/stop`, { code: code.value });
      form.replaceWith(notice("good", el("p", {}, T("stopDone"))));
      announce(T("stopDone"));
      if (app.view && app.view.ids.length) refresh();
    } catch (err) {
      submit.disabled = false;
      trouble.replaceChildren(notice("bad", el("p", {}, refusal(err))));
    }
  });
  return form;
}

/** Asks for a yes in a dialog. */
function sure(text, yes) {
  return new Promise((resolve) => {
    const dialog = el(
      "dialog",
      { "aria-labelledby": "sure-text" },
      el("p", { id: "sure-text" }, text),
      el("form", { method: "dialog", class: "row" }, el("button", { value: "yes", class: "button danger" }, yes), el("button", { value: "no", class: "button quiet", autofocus: true }, T("cancel"))),
    );
    document.body.append(dialog);
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    dialog.showModal();
  });
}

async function end(id, what) {
  if (!(await sure(T(what === "stop" ? "stopOwn" : "withdrawAsk"), T(what === "stop" ? "stopDo" : "withdrawYes")))) return;
  try {
    await ask(what, named(id));
    say("good", T(what === "stop" ? "stopDone" : "withdrawn"));
  } catch (e) {
    say("bad", refusal(e));
  }
  await look().catch(() => {});
  render(true);
}

async function remove(id, text = "removeAsk", yes = "removeYes") {
  if (!(await sure(T(text), T(yes)))) return;
  try {
    await ask("remove", { wallet: id });
    app.gone = false;
    await look();
    say("good", T("removed"));
  } catch (e) {
    say("bad", refusal(e));
  }
  render(true);
}

// ---------------------------------------------------------------- about

function about() {
  const v = app.view;
  if (!v) return [el("p", { class: "loading" }, T("loading"))];
  const row = (name, value) => [el("dt", {}, name), el("dd", {}, value)];
  const c = v.clock;
  const box = el(
    "section",
    {},
    el("h1", {}, T("aboutTitle")),
    el("p", {}, T("aboutKeys")),
    el(
      "dl",
      { class: "facts" },
      row(T("aboutRoot"), el("span", { class: "fingerprint" }, v.root ? v.root.replace(/-/g, " ") : T("aboutRootNone"))),
      row(T("aboutBundle"), v.bundle ? T("aboutBundleText", { n: v.bundle.number, t: T("kyiv", { t: minuteUA(v.bundle.issued_at) }) }) : "—"),
      row(T("aboutClock"), c ? T("aboutClockText", { n: seconds(c.offset_ms), e: seconds(Math.max(100, c.error_ms)), t: minuteUA(c.at) }) : T("aboutClockNone")),
      row(T("aboutSynced"), v.synced ? T("kyiv", { t: minuteUA(v.synced) }) : "—"),
      row(T("aboutOffline"), T(app.offline ? "offlineReady" : "offlineNot")),
      row(T("aboutStorage"), app.kept === null ? "—" : T(app.kept ? "storageKept" : "storageNot")),
    ),
  );
  if (app.kept === false) box.append(notice("", el("p", {}, T("storageWhy")), el("p", {}, el("button", { type: "button", class: "button", on: { click: () => keepSafely(true) } }, T("storageAsk")))));
  box.append(installPart(), el("p", { class: "row" }, el("a", { class: "button quiet", href: "#" }, T("back"))));
  return box;
}

const seconds = (ms) => (Math.round(ms / 100) / 10 || 0).toLocaleString("uk-UA", { maximumFractionDigits: 1 });

function installPart() {
  if (standalone()) return el("p", { class: "hint" }, T("installed"));
  if (app.install) {
    return el(
      "p",
      { class: "row" },
      el(
        "button",
        {
          type: "button",
          class: "button quiet",
          on: {
            click: async () => {
              app.install.prompt();
              await app.install.userChoice;
              app.install = null;
              render();
            },
          },
        },
        T("install"),
      ),
    );
  }
  return el("p", { class: "hint" }, ios() ? T("installIOS") : T("installHint"));
}

/** Asks the browser to keep the data. spoken: the holder pressed the button and hears the answer. */
async function keepSafely(spoken) {
  if (!navigator.storage || !navigator.storage.persist) {
    app.kept = false;
  } else {
    try {
      app.kept = (await navigator.storage.persisted()) || (await navigator.storage.persist());
    } catch {
      app.kept = false;
    }
  }
  if (spoken) {
    say(app.kept ? "good" : "warn", T(app.kept ? "storageDone" : "storageRefused"));
    render();
  }
}

// ---------------------------------------------------------------- damage

function damaged() {
  return el(
    "section",
    { class: "notice bad" },
    el("h1", {}, T("damagedTitle")),
    el("p", {}, T(app.damage === "private" ? "privateWindow" : app.damage === "wasm" ? "noWasm" : "damagedText")),
    el(
      "p",
      { class: "row" },
      el("button", { type: "button", class: "button", on: { click: () => boot() } }, T("retry")),
      app.damage === "data"
        ? el(
            "button",
            {
              type: "button",
              class: "button danger",
              on: {
                click: async () => {
                  if (!(await sure(T("damagedEraseAsk"), T("damagedErase")))) return;
                  if (app.db) app.db.close();
                  app.db = null;
                  await eraseStore().catch((e) => say("bad", refusal({ code: "storage", message: e.message })));
                  mark(false);
                  if (other) other.postMessage(0);
                  boot();
                },
              },
            },
            T("damagedErase"),
          )
        : null,
    ),
  );
}

function damagedSome(ids) {
  return notice("bad", el("p", {}, T("damagedOne", { n: ids.length })), el("p", { class: "row" }, el("button", { type: "button", class: "button danger", on: { click: () => remove(ids[0], "damagedEraseAsk", "damagedErase") } }, T("damagedErase"))));
}

// ---------------------------------------------------------------- service worker

async function worker() {
  if (!("serviceWorker" in navigator)) return;
  try {
    const registration = await navigator.serviceWorker.register("/wallet/sw.js", { scope: "/wallet/" });
    navigator.serviceWorker.addEventListener("message", ({ data }) => {
      if (data && data.type === "new-version") {
        app.update = true;
        tellNotices(route());
      }
      if (data && data.type === "reload") location.reload();
      if (data && data.type === "changed") reopen();
    });
    await navigator.serviceWorker.ready;
    app.offline = Boolean(await (await caches.open("posvid-wallet")).match("/current"));
    if (route() === "about") render();
    const active = registration.active;
    if (active && navigator.onLine) active.postMessage({ type: "check" });
    if (registration.periodicSync) {
      const permission = await navigator.permissions.query({ name: "periodic-background-sync" }).catch(() => null);
      if (permission && permission.state === "granted") await registration.periodicSync.register("renew", { minInterval: 12 * 3600_000 }).catch(() => {});
    }
  } catch {
    // Without a worker the page works as long as there is a network.
  }
}

function takeUpdate() {
  const active = navigator.serviceWorker && navigator.serviceWorker.controller;
  if (active) active.postMessage({ type: "activate" });
  else location.reload();
}

// ---------------------------------------------------------------- start

/** Draws the page again once the wallet is open. Stopping needs no wallet: what is typed there is not to be lost. */
const opened = () => route() !== "stop" && render();

async function reopen() {
  try {
    await open();
    opened();
  } catch (e) {
    fail(e);
  }
}

function fail(e) {
  const name = e && e.name;
  if (e instanceof PosvidError && e.code === "no-wasm") app.damage = "wasm";
  else if (name === "Damaged" || (e instanceof PosvidError && e.code === "damaged") || name === "VersionError" || name === "DataError" || name === "UnknownError") app.damage = "data";
  else if (name === "InvalidStateError" || name === "SecurityError" || name === "QuotaExceededError") app.damage = "private";
  else if (name === "TypeError" || name === "CompileError" || name === "RangeError") app.damage = "wasm";
  else app.damage = "data";
  opened();
}

async function boot() {
  try {
    await open();
  } catch (e) {
    fail(e);
    return;
  }
  opened();
  if (navigator.storage && navigator.storage.persisted) {
    app.kept = await navigator.storage.persisted().catch(() => false);
    if (route() === "about") render();
  }
  refresh();
}

if (!document.documentElement.hasAttribute("data-old")) {
  app.lang = language();
  speak(app.lang);
  document.documentElement.lang = app.lang;
  document.getElementById("lang").addEventListener("click", switchLanguage);
  addEventListener("hashchange", () => render(true));
  addEventListener("online", () => refresh());
  addEventListener("beforeinstallprompt", (e) => {
    e.preventDefault();
    app.install = e;
    if (route() === "about") render();
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && app.view && Date.now() - app.lastSync > SYNC / 3) refresh();
  });
  setInterval(() => {
    if (!document.hidden) refresh();
  }, SYNC);
  setInterval(passing, LOOK);
  if (other) {
    other.onmessage = ({ data }) => {
      if (data !== app.seq) reopen();
    };
  }
  render();
  boot();
  worker();
}
