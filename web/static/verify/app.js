// The verifier page. It passes bytes and time to Go (worker.js) and shows what comes back; it decides nothing about a code, and keeps
// nothing about people. docs/spec/verifier-page.md has the rules.

import { cameras, hasTorch, scan, torch } from "/static/lib/camera.js";
import { limited } from "/static/lib/api.js";
import { drawSymbol } from "/static/lib/qr.js";
import { QR_AND_EAN, ScanError, readPicture, useWorker } from "/static/lib/scan.js";
import { el, language, saveLanguage } from "/static/lib/ui.js";
import { Device, TERM } from "/verify/device.js";
import { allowSound, sign, strike } from "/verify/signs.js";

useWorker("/verify/scan-worker.js");

const $ = (id) => document.getElementById(id);
const OUTCOMES = ["accept", "refuse", "cannot-confirm"];
const BURST = 80; // milliseconds between two keys of a hand scanner
const PAUSE = 600; // milliseconds that end what a scanner types without Enter
const LEAST = 4; // letters of the shortest scan
const CHECK_EVERY = 15 * 60_000; // milliseconds between two looks for a new bundle
const SLOW = 250; // milliseconds after which a frame that is being judged takes the verdict before away
const MAX_BUNDLE = 32 * 1024 * 1024;
const UNTOUCHED = 10 * 60_000; // milliseconds of waiting for a code after which the page takes a newer build by itself
const DWELL = 20_000; // milliseconds that a fault of this page stays

let lang = language();
const t = (uk, en) => (lang === "en" ? en : uk);

/** @type {Device | null} */
let device = null;
let health = null;
let faults = null; // what to show when Go does not answer, by language
let shown = 0; // number of the verdict on the page
let gone = 0; // number of the newest verdict that has left it: what was told before it left never comes back
let screen = null;
let leaveTimer = 0;
let tickTimer = 0;
let restarts = 0;
let holding = false; // this tab has the lock: without it no program of it may go on
let starting = null; // the Device that is being opened
let purpose = "codes"; // what the camera reads for: codes, the fingerprint of a root, an onboarding code
let portrait = null; // { number, url }
let installing = false;

// ---- texts ----

function translate() {
  document.documentElement.lang = lang;
  for (const node of document.querySelectorAll("[data-en]")) {
    node.dataset.uk ??= node.textContent;
    node.textContent = lang === "en" ? node.dataset.en : node.dataset.uk;
  }
  for (const node of document.querySelectorAll("[data-en-label]")) {
    node.dataset.ukLabel ??= node.getAttribute("aria-label");
    node.setAttribute("aria-label", lang === "en" ? node.dataset.enLabel : node.dataset.ukLabel);
  }
  $("lang").textContent = lang === "en" ? "Українською" : "English";
  $("lang").lang = lang === "en" ? "uk" : "en";
  newer();
  document.title = t("Перевірка службових посвідчень", "Service ID check");
  network();
}

function network() {
  const off = !navigator.onLine;
  $("network").hidden = !off;
  $("network").textContent = t("без мережі", "offline");
  $("network").className = "badge warn";
  $("digits-form").hidden = off;
}

// ---- the verdict ----

/** Takes the verdict off the page: nothing of the person stays in it. */
function clear(state = "waiting") {
  clearTimeout(leaveTimer);
  leaveTimer = 0;
  gone = Math.max(gone, shown);
  shown = 0;
  dropPortrait();
  $("verdict").dataset.outcome = state;
  $("sign").replaceChildren(sign(state));
  $("word").textContent = state === "judging" ? t("читаю код…", "reading…") : health && health.ready ? t("Покажіть код", "Show the code") : t("НЕ ГОТОВО", "NOT READY");
  $("told").replaceChildren();
  $("actions").replaceChildren();
}

/** Shows a fault of the program itself. Words come from Go, or from the page when Go never started. */
function showFault() {
  const own = faults && faults[lang === "en" ? 1 : 0];
  const word = own ? own.word : $("fault").content.querySelector(`[lang=${lang}]`).textContent;
  clear();
  put("cannot-confirm", word, 2);
  if (own) $("told").append(el("p", { class: "cause" }, own.cause), el("p", { class: "next" }, own.next));
  else $("told").append(el("p", { class: "cause" }, t("Програма перевірки не відповідає.", "The verifying program does not answer.")), el("p", { class: "next" }, t("Перезавантажте сторінку. Якщо повториться, перевіряйте іншим пристроєм.", "Reload the page. If it repeats, use another device.")));
  leaveTimer = setTimeout(clear, DWELL);
}

function put(outcome, word, strokes) {
  const o = OUTCOMES.includes(outcome) ? outcome : "refuse";
  $("verdict").hidden = false;
  $("verdict").dataset.outcome = o;
  $("sign").replaceChildren(sign(o));
  $("word").textContent = word;
  $("verdict").scrollIntoView({ block: "start" }); // wherever the person at this page was reading
  if ($("sound").checked) strike(o, strokes);
}

/** Shows what Go says is on the screen now. Green needs an accept of this very answer. */
function render(next) {
  screen = next;
  let v = next.verdict;
  if (v && document.hidden) {
    gone = Math.max(gone, v.number); // judged while the page was being hidden: nobody has seen it, and nobody will
    v = null;
  }
  if (!v) {
    if (shown || $("verdict").dataset.outcome === "judging") clear();
  } else if (v.number !== shown && v.number > gone) {
    clear();
    dropOnline(); // it spoke of somebody before
    shown = v.number;
    put(v.outcome === "accept" && v.code !== "ok" ? "refuse" : v.outcome, v.word, v.strokes);
    tell(v);
    // The page takes a verdict away by its own clock too, should Go not answer any more.
    leaveTimer = setTimeout(() => {
      clear();
      order("dismiss");
    }, v.leaves_ms + 500);
    if (v.photo) fetchPortrait(v);
  }
  if (v && v.number === shown) actions(v, next.question);
  if (next.online && next.online.number !== askedOnline) {
    askedOnline = next.online.number;
    askOnline(next.online.code);
  }
  asking(next.challenge);
  say([next.notice, next.lost, next.waiting ? t(`чекають: ${next.waiting}`, `waiting: ${next.waiting}`) : ""].filter(Boolean).join(" · "));
  beat(Boolean(v || next.challenge || next.waiting || next.notice));
}

/** What is told about a verdict, all of it as text. */
function tell(v) {
  const told = $("told");
  const line = (cls, text) => text && told.append(el("p", { class: cls }, text));
  if (v.mind) line("mind", v.mind);
  if (v.outcome !== "accept") {
    line("cause", v.headline ? `${v.headline}. ${v.cause}` : v.cause);
    line("next", v.next);
    if (v.duty_phone) told.append(el("p", { class: "phone" }, t("Черговий органу: ", "Duty phone: "), el("a", { href: `tel:${v.duty_phone.replace(/[^+0-9]/g, "")}` }, v.duty_phone)));
  } else line("next", v.next);
  const h = v.holder;
  if (h) {
    line("person", h.name);
    line("post", h.position);
    line("post", h.unit);
  }
  line("body", v.body);
  const facts = el("dl", { class: "facts" });
  const fact = (name, value) => value && facts.append(el("dt", {}, name), el("dd", {}, value));
  if (h) {
    fact(t("Номер", "Number"), h.number);
    fact(t("Ранг", "Rank"), h.rank);
    fact(t("Категорія", "Category"), h.category);
    fact(t("Строк дії до", "Valid until"), h.term);
  }
  fact(t("Дані станом на", "Status as of"), v.as_of && v.as_of + (navigator.onLine ? "" : t(" · без мережі", " · offline")));
  fact(t("Набір довіри", "Trust bundle"), v.bundle);
  fact(t("Годинники", "Clocks"), v.offset);
  if (facts.childElementCount) told.append(facts);
  line("small", v.level);
  line("small", v.checked);
  line("small", v.note && `${t("сканер: ", "scanner: ")}${v.note}`);
  if (v.others.length) {
    line("cause", t(`У кадрі кодів: ${v.others.length + 1}. Інші:`, `Codes in the frame: ${v.others.length + 1}. The others:`));
    told.append(el("ul", {}, v.others.map((o) => el("li", {}, o))));
  }
  told.append(el("p", { class: "small rules" }, v.rules));
}

let actionsFor = "";

/** Buttons under a verdict; they are made anew only when they change, so that a finger meets what it aims at. */
function actions(v, question) {
  const key = JSON.stringify([v.number, v.plastic, v.compare, question && question.digits, lang, health && health.verifier]);
  if (key === actionsFor && $("actions").childElementCount) return;
  actionsFor = key;
  const box = $("actions");
  box.replaceChildren();
  if (question) {
    const input = el("input", { id: "digits-back", inputmode: "numeric", maxlength: 2, autocomplete: "off", size: 3 });
    const form = el("form", { class: "row", autocomplete: "off" }, el("label", { for: "digits-back" }, question.text, el("span", { class: "digits" }, question.digits)), input, el("button", { type: "submit" }, t("Так", "Yes")));
    form.addEventListener("submit", (e) => {
      e.preventDefault();
      order("confirm", { text: input.value });
    });
    box.append(form);
    input.focus();
    return;
  }
  box.append(el("button", { type: "button", on: { click: () => order("dismiss") } }, t("Далі", "Next")));
  if (v.compare) box.append(el("button", { type: "button", class: "quiet", on: { click: () => order("ask", { plastic: false }) } }, t("Обличчя звірено зі світлиною", "Face compared with the photo")));
  if (v.plastic) box.append(el("button", { type: "button", class: "quiet", on: { click: () => order("ask", { plastic: true }) } }, t("Порівняйте обличчя з фото на пластиковому посвідченні", "Compare the face with the photo on the plastic card")));
  if (health && health.verifier && v.outcome !== "refuse" && !v.photo && !v.plastic) box.append(el("button", { type: "button", class: "quiet", on: { click: challenge } }, t("Запит", "Challenge")));
}

function say(text) {
  const box = $("answer");
  if (box.dataset.online) return; // something longer stands there
  if (box.textContent === text && box.hidden === !text) return; // listeners hear what is written, also when it is the same
  box.className = "notice";
  box.hidden = !text;
  box.textContent = text;
}

/** The screen's clock: time alone changes it. It rests while nothing is shown. */
function beat(on) {
  clearTimeout(tickTimer);
  tickTimer = on ? setTimeout(() => order("tick"), 250) : 0;
}

// ---- one-time codes: the service's word, never shown as a verdict of this device ----

let askedOnline = 0; // number of the code that was asked about last
let online = 0; // changes with everything that ends a question to the service: a late answer finds another number
let onlineTimer = 0;

function dropOnline() {
  online++;
  clearTimeout(onlineTimer);
  const box = $("answer");
  delete box.dataset.online;
  box.replaceChildren();
  box.className = "notice";
  box.hidden = true;
}

async function askOnline(code) {
  dropOnline();
  const mine = online;
  const asking = $("answer");
  asking.dataset.online = "1";
  asking.hidden = false;
  asking.textContent = t("питаємо службу органу…", "asking the body's service…");
  const admitted = Boolean(health && health.verifier);
  let data = new Uint8Array(0);
  try {
    const target = `/api/v1/online/check?lang=${lang}`;
    const body = new TextEncoder().encode(JSON.stringify({ code, mode: admitted ? "full" : "validate" }));
    const headers = { "Content-Type": "application/json", Accept: "application/json" };
    if (admitted) {
      const signature = await order("sign", { origin: location.origin, method: "POST", target }, body);
      if (signature && signature.header) headers["Posvid-Request"] = signature.header;
    }
    const response = await limited(target, { method: "POST", headers, body });
    if (response.ok) data = new Uint8Array(await response.arrayBuffer());
  } catch {
    // No answer is no yes: Go says so.
  }
  const answer = await order("online", {}, data);
  if (mine !== online) return;
  if (!answer || !answer.online) {
    dropOnline();
    return;
  }
  const o = answer.online;
  const box = $("answer");
  box.dataset.online = "1";
  box.className = "notice";
  box.hidden = false;
  const lines = o.lines.map((l) => el("p", {}, l));
  box.replaceChildren(el("p", { class: "cause" }, el("strong", {}, o.word)), el("p", {}, o.text), ...lines);
  if (o.portrait) {
    const bytes = Uint8Array.from(atob(o.portrait), (c) => c.charCodeAt(0));
    const url = URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
    const img = el("img", { src: url, width: 200, alt: t("Світлина з реєстру: порівняйте з обличчям", "Photo of the register: compare it with the face"), on: { load: () => URL.revokeObjectURL(url) } });
    box.append(img);
  }
  onlineTimer = setTimeout(dropOnline, DWELL);
}

// ---- the challenge ----

let drawn = "";

function asking(challenge, symbol) {
  $("asking").hidden = !challenge;
  if (!challenge) {
    drawn = "";
    return;
  }
  if (symbol && drawn !== challenge.text) {
    drawn = challenge.text;
    drawSymbol($("asking-symbol"), symbol, Math.min(440, document.documentElement.clientWidth - 48, window.innerHeight - 200));
    $("asking").scrollIntoView({ block: "center" });
  }
  const left = Math.ceil(challenge.left_ms / 1000);
  $("asking-left").textContent = t(`ще ${left} с`, `${left} s left`);
}

async function challenge() {
  const answer = await order("challenge");
  if (answer && answer.symbol && answer.screen.challenge) asking(answer.screen.challenge, answer.symbol);
}

// ---- the portrait: from the service by its hash, shown only after Go has hashed it ----

function dropPortrait() {
  if (portrait) URL.revokeObjectURL(portrait.url);
  portrait = null;
}

async function fetchPortrait(v) {
  if (!navigator.onLine || !health || !health.verifier) return;
  try {
    const data = await signed("GET", `/api/v1/checkpoint/portrait/${v.photo}`);
    if (!data || shown !== v.number) return;
    const answer = await device.order("picture", { number: v.number }, data);
    if (!answer.shown || shown !== v.number) return;
    portrait = { number: v.number, url: URL.createObjectURL(new Blob([data], { type: "image/jpeg" })) };
    $("told").prepend(el("img", { src: portrait.url, alt: t("Світлина з посвідчення: порівняйте з обличчям", "Photo of the ID: compare it with the face"), width: 240 }));
    render(answer.screen);
  } catch {
    // Without a picture the photo on the plastic remains.
  }
}

/** A request that only an admitted device may make, signed by its key. */
async function signed(method, target, body = null) {
  const answer = await order("sign", { origin: location.origin, method, target }, body);
  if (!answer || !answer.header) return null;
  const response = await limited(target, { method, body, headers: { "Posvid-Request": answer.header } });
  return response.ok ? new Uint8Array(await response.arrayBuffer()) : null;
}

// ---- orders to Go ----

/** Gives an order and shows its screen. A verifier that broke has said so by itself; then null is answered. */
async function order(op, more = {}, data = null) {
  const asked = device;
  if (!asked) return null;
  let answer;
  try {
    answer = await asked.order(op, more, data);
  } catch {
    return null;
  }
  if (asked !== device) return null;
  if (answer.screen) render(answer.screen);
  if (answer.fault && op !== "fingerprint") tellFault(answer.fault);
  return answer;
}

function tellFault(fault) {
  dropOnline();
  const box = $("answer");
  box.dataset.online = "1";
  box.className = "notice warn";
  box.hidden = false;
  box.replaceChildren(el("p", {}, fault.cause), el("p", {}, fault.next));
  onlineTimer = setTimeout(dropOnline, DWELL);
}

/** A reading: texts of one frame, file, scan or paste. One that no program can judge shows that, and nothing else. */
async function reading(texts, source, unread = false) {
  if (taking) return null; // the page is about to be loaded again
  touched = Date.now();
  for (let waited = 0; !device && waited < TERM; waited += 50) await new Promise((resolve) => setTimeout(resolve, 50));
  if (!device) {
    showFault();
    return null;
  }
  restarts = 0;
  // Nothing stays green for long while another code is judged.
  let slow = 0;
  if (source !== "camera") dropOnline();
  if (source === "camera") slow = setTimeout(() => clear("judging"), SLOW);
  else clear("judging");
  try {
    return await order("reading", { texts, source, unread, network: navigator.onLine });
  } finally {
    clearTimeout(slow);
  }
}

/** The program broke: nothing of what it showed stays, and another one is started. */
async function broken(why) {
  device = null;
  clearTimeout(tickTimer);
  showFault();
  say("");
  $("asking").hidden = true;
  console.warn("verifier ended:", why);
  restarts++;
  if (restarts > 5 || replaced) return; // another build's program is not for this page
  await new Promise((resolve) => setTimeout(resolve, 200 * restarts * restarts));
  if (holding && !device && !starting) await startDevice();
}

async function startDevice() {
  const made = new Device({ onJudging: () => made === device && clear("judging"), onBroken: (why) => (device === made || device === null) && broken(why) });
  starting = made;
  try {
    await made.open(lang);
    const answer = await made.order("faults");
    faults = answer.faults;
    if (starting !== made) return false; // the lock was taken meanwhile
    starting = null;
    device = made;
    shown = gone = 0; // a new program counts from the start
    await look();
    return true;
  } catch {
    return false; // broken() has been told
  } finally {
    if (starting === made) starting = null;
  }
}

/** Ends the program, also one that is still starting, and starts no other. */
function endDevice(why) {
  const all = [device, starting];
  device = starting = null;
  holding = false;
  stopCamera();
  for (const d of all) {
    if (!d) continue;
    d.onBroken = () => {};
    d.end(why);
  }
}

// ---- the state of the device ----

/** Asks how the device is, and shows it. */
async function look() {
  const answer = await order("health");
  if (!answer || !answer.health) return;
  health = answer.health;
  const h = health;
  $("loading").hidden = true;
  $("demo").hidden = !h.demo;
  const fresh = h.code === "no-root";
  $("setup").hidden = !fresh;
  for (const id of ["verdict", "camera", "ways", "data"]) $(id).hidden = fresh;
  if (camera && purpose === "root") $("camera").hidden = false;
  $("not-ready").hidden = h.ready || fresh;
  $("not-ready-word").textContent = `${t("НЕ ГОТОВО", "NOT READY")}: ${h.headline}`;
  $("not-ready-cause").textContent = h.cause;
  $("not-ready-next").textContent = h.next;
  $("mend").hidden = !h.mend;
  $("warnings").hidden = h.warnings.length === 0;
  $("warnings").replaceChildren(...h.warnings.map((w) => el("li", {}, w)));
  $("as-of").textContent = h.bundle ? t(`Дані станом на ${h.as_of}: складено ${h.age} тому. Набір довіри № ${h.bundle}.`, `Status as of ${h.as_of}: made ${h.age} ago. Trust bundle ${h.bundle}.`) : t("Набору довіри ще немає.", "There is no trust bundle yet.");
  $("challenge").hidden = !h.verifier;
  $("duty").hidden = h.guards.length === 0;
  const names = JSON.stringify([h.guards, lang]);
  if ($("guard").dataset.names !== names) {
    $("guard").dataset.names = names;
    $("guard").replaceChildren(el("option", { value: "" }, t("— оберіть —", "— choose —")), ...h.guards.map((g) => el("option", { value: g }, g)));
  }
  $("guard").value = h.guard;
  $("clock").textContent = t("Час пристрою: ", "Device time: ") + h.clock;
  $("class-choice").hidden = h.verifier !== 0;
  $("admission").hidden = h.verifier !== 0;
  for (const c of ["checkpoint", "council"]) $(`class2-${c}`).checked = h.class === c || (c === "checkpoint" && h.class === "none");
  const facts = $("facts");
  facts.replaceChildren();
  const fact = (name, value) => value && facts.append(el("dt", {}, name), el("dd", {}, value));
  fact(t("Відбиток кореневого ключа", "Fingerprint of the root"), h.pinned);
  fact(t("Набір довіри діє до", "The trust bundle ends"), h.expires);
  fact(t("Дані не старші за", "Data not older than"), h.limit);
  fact(t("Перевіряльник", "Verifier"), h.verifier ? `${h.name} (${h.verifier})` : t("не допущено", "not admitted"));
  fact(t("Допуск до", "Admitted until"), h.until);
  fact(t("Відбиток ключа цього пристрою", "Fingerprint of this device's key"), h.key);
  const state = $("verdict").dataset.outcome;
  if (state === "waiting" || state === "judging") clear();
}

/** Looks for a newer bundle at the service; whether it may be installed is Go's word. */
async function update(byHand = false) {
  if (!health || health.pinned === "" || installing) return;
  if (!navigator.onLine && !byHand) return;
  installing = true;
  try {
    const response = await limited("/api/v1/bundle", { cache: "no-cache" });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const data = new Uint8Array(await response.arrayBuffer());
    if (data.length > MAX_BUNDLE) throw new Error("too large");
    await install(data, byHand);
    await checkpointPolicy();
  } catch {
    if (byHand) $("report").textContent = t("Служба не відповідає: дані лишаються ті, що є.", "The service does not answer: the data stay as they are.");
  } finally {
    installing = false;
  }
}

/** Asks the service what an admitted device has to obey; whether it does is Go's word. */
async function checkpointPolicy() {
  if (!health || !health.verifier || !navigator.onLine) return;
  try {
    const data = await signed("GET", `/api/v1/checkpoint?bundle=${health.bundle}`);
    if (!data) return;
    const answer = await order("policy", {}, data);
    if (answer && !answer.fault) await look();
  } catch {
    // The policy before stays in force.
  }
}

async function install(data, byHand, op = "install") {
  const answer = await order(op, {}, data);
  if (!answer) return;
  if (answer.report && (byHand || answer.report.changed)) $("report").textContent = answer.report.words;
  if (answer.fault) $("report").textContent = `${answer.fault.cause}. ${answer.fault.next}`;
  await look();
}

async function installFile(file, op = "install") {
  if (!file) return;
  if (file.size > MAX_BUNDLE) {
    $("report").textContent = t("Файл завеликий для набору довіри.", "The file is too large for a trust bundle.");
    return;
  }
  await install(new Uint8Array(await file.arrayBuffer()), true, op);
}

// ---- setup ----

async function typedPin() {
  const text = $("pin").value;
  const answer = text.trim() ? await order("fingerprint", { text }) : null;
  if ($("pin").value !== text) return; // more was typed meanwhile
  const groups = (answer && answer.fingerprint) || "";
  $("pin-groups-box").hidden = !groups;
  $("pin-compared").checked = false;
  $("pin-go").disabled = true;
  $("pin-demo").hidden = !(answer && answer.demo);
  $("pin-groups").replaceChildren(...groups.split(" ").filter(Boolean).map((g) => el("li", {}, g)));
  const long = text.replace(/[\s-]/g, "").length >= 52;
  $("pin-wrong").textContent = !groups && long && answer && answer.fault ? answer.fault.cause : "";
  $("pin").setAttribute("aria-invalid", String(Boolean($("pin-wrong").textContent)));
}

async function pinNow(e) {
  e.preventDefault();
  if ($("pin-go").disabled || !$("pin-compared").checked) return;
  const answer = await order("pin", { text: $("pin").value });
  if (!answer || answer.fault) {
    if (answer) $("pin-wrong").textContent = `${answer.fault.cause}. ${answer.fault.next}`;
    return;
  }
  await order("class", { class: document.querySelector("input[name=class]:checked").value });
  stopCamera();
  if (navigator.storage && navigator.storage.persist) navigator.storage.persist().catch(() => false);
  await look();
  await update(true);
  $("main").focus();
}

// ---- the camera ----

let camera = null; // AbortController of the running camera
let lit = false;
let deviceId = "";

const CAMERA_WORDS = {
  "camera-denied": ["Доступ до камери заборонено. Дозвольте камеру для цієї сторінки в налаштуваннях браузера; код можна також дати картинкою, текстом або ручним сканером.", "The camera is denied. Allow it for this page in the browser's settings; a code may also come as a picture, a text or by a hand scanner."],
  "camera-missing": ["Камери немає. Дайте код картинкою, текстом або ручним сканером.", "There is no camera. Give the code as a picture, a text or by a hand scanner."],
  "camera-busy": ["Камеру зайняла інша програма. Закрийте її й увімкніть камеру знову.", "Another program uses the camera. Close it and switch the camera on again."],
  "camera-unsupported": ["Цей браузер не дає камери. Дайте код картинкою, текстом або ручним сканером.", "This browser gives no camera. Give the code as a picture, a text or by a hand scanner."],
  "file-too-large": ["Файл завеликий: картинка — до 32 МіБ.", "The file is too large: a picture has up to 32 MiB."],
  "not-a-picture": ["Це не картинка, яку вміє читати браузер.", "This is no picture that the browser can read."],
  "reader-failed": ["Зчитувач кодів не впорався з картинкою.", "The code reader failed on the picture."],
};

const cameraWords = (e) => {
  const w = CAMERA_WORDS[e instanceof ScanError ? e.code : "camera-unsupported"];
  return t(w[0], w[1]);
};

function stopCamera() {
  if (camera) camera.abort();
  camera = null;
}

async function startCamera(why = "codes") {
  stopCamera();
  purpose = why;
  const mine = (camera = new AbortController());
  $("camera").hidden = false;
  $("camera-wrong").textContent = "";
  cameraButton();
  try {
    await scan($("video"), seen, { signal: mine.signal, formats: QR_AND_EAN, deviceId, onState: cameraState });
  } catch (e) {
    $("camera-wrong").textContent = cameraWords(e);
  }
  if (camera === mine) camera = null;
  if (!camera) {
    cameraState("closed");
    if (health && health.code === "no-root") $("camera").hidden = true;
  }
}

async function cameraState(state) {
  if (state.reader) {
    $("camera").dataset.reader = state.reader;
    return;
  }
  const on = state === "open";
  if (on) stayAwake();
  else letSleep();
  document.querySelector(".frame").classList.toggle("on", on);
  $("torch").hidden = !on || !hasTorch($("video"));
  lit = false;
  $("torch").setAttribute("aria-pressed", "false");
  $("camera-next").hidden = !on || (await cameras()).length < 2;
  cameraButton();
}

let awake = null;

/** A guard's phone must not fall asleep between two people. */
async function stayAwake() {
  try {
    awake ??= await navigator.wakeLock.request("screen");
    awake.addEventListener("release", () => (awake = null));
  } catch {
    awake = null; // not every browser has it, and none on a low battery
  }
}

function letSleep() {
  if (awake) awake.release().catch(() => {});
  awake = null;
}

function cameraButton() {
  $("camera-toggle").textContent = camera ? t("Вимкнути камеру", "Switch the camera off") : t("Увімкнути камеру", "Switch the camera on");
}

/** Texts of one frame. */
async function seen(texts) {
  if (purpose === "root") {
    $("pin").value = texts[0].slice(0, 256);
    await typedPin();
    if (!$("pin-groups-box").hidden) stopCamera();
    return;
  }
  if (purpose === "onboard") {
    $("admit-token").value = texts[0].slice(0, 512);
    stopCamera();
    await lookToken();
    $("admit-form").scrollIntoView({ block: "center" });
    return;
  }
  await reading(texts, "camera");
}

async function otherCamera() {
  const all = await cameras();
  const now = $("video").srcObject && $("video").srcObject.getVideoTracks()[0].getSettings().deviceId;
  const i = all.findIndex((d) => d.deviceId === now);
  if (all.length < 2) return;
  deviceId = all[(i + 1) % all.length].deviceId;
  await startCamera(purpose);
}

// ---- admission: the key is made here and stays here; the request goes to the body's page or into a file ----

/** What stands behind the # of an onboarding link, or the code itself. */
const tokenOf = (text) => text.trim().split("#").pop();

async function json(target, body) {
  const response = await limited(target, { method: "POST", headers: { "Content-Type": "application/json", Accept: "application/json, application/problem+json" }, body: JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw new Error((answer && (answer.detail || answer.title)) || `HTTP ${response.status}`);
  return answer;
}

/** Asks what an onboarding code is for; the fields are then those of the body, and the root has to be the pinned one. */
async function lookToken() {
  const token = tokenOf($("admit-token").value);
  admission = null;
  if (!token) return null;
  try {
    const p = await json(`/api/v1/checkpoints/onboard/look?lang=${lang}`, { token });
    $("admit-body").value = String(p.body);
    $("admit-name").value = String(p.name);
    if (p.root && health && p.root !== health.pinned) throw new Error(t("служба цього коду стоїть під іншим коренем, ніж закріплений на цьому пристрої", "the service of this code stands under another root than the one pinned on this device"));
    admission = { token, body: String(p.body), name: String(p.name), class: p.class };
    tellAdmission(`${p.body_name}: ${p.name}`);
    return admission;
  } catch (e) {
    tellAdmission(t("Код підключення не прийнято: ", "The onboarding code was not taken: ") + e.message);
    return null;
  }
}

/** An onboarding link may have led here: #onboard=‹code›. It is taken out of the address at once. */
function onboardLink() {
  if (!location.hash.startsWith("#onboard=")) return;
  $("admit-token").value = location.hash.slice("#onboard=".length, 600);
  history.replaceState(null, "", location.pathname + location.search);
  $("settings").open = true;
  if (health && health.pinned !== "") lookToken();
}

let admission = null;

const tellAdmission = (text) => ($("admit-told").textContent = text);

async function admit() {
  const asked = device;
  if (!asked) return;
  const withToken = $("admit-token").value.trim() !== "";
  const what = withToken ? await lookToken() : { body: $("admit-body").value.trim(), name: $("admit-name").value.trim(), class: health && health.class === "council" ? "council" : "checkpoint" };
  if (!what) return;
  try {
    await asked.keys();
  } catch {
    return; // the verifier has told
  }
  const answer = await order("request", { body: what.body, name: what.name, class: what.class });
  if (!answer || answer.fault || !answer.data) return;
  await look();
  if (withToken) {
    try {
      const told = await json(`/api/v1/checkpoints/onboard?lang=${lang}`, { token: what.token, request: answer.data });
      const same = told.fingerprint === health.key;
      tellAdmission(same ? t("Заявку подано. Звірте відбиток ключа з тим, що бачить адміністратор органу: ", "The request is filed. Compare the fingerprint of the key with what the body's administrator sees: ") + health.key : t("Служба показує інший відбиток ключа: заявку підмінено. Повідомте адміністратора органу.", "The service shows another fingerprint: the request was replaced. Tell the body's administrator."));
      $("admit-token").value = "";
    } catch (e) {
      tellAdmission(t("Заявку не прийнято: ", "The request was not taken: ") + e.message);
    }
    return;
  }
  const bytes = Uint8Array.from(atob(answer.data), (c) => c.charCodeAt(0));
  const url = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }));
  const link = el("a", { href: url, download: `verifier-${what.body}.request`, class: "button quiet" }, t("Зберегти файл заявки", "Save the request file"));
  $("admit-told").replaceChildren(t("Передайте файл технічному адміністратору. Відбиток ключа: ", "Hand the file to the trust operator. Fingerprint of the key: "), health.key, " ", link);
  setTimeout(() => URL.revokeObjectURL(url), 10 * 60_000);
}

// ---- files, paste, hand scanner ----

async function pictureFile(file) {
  if (!file) return;
  clear("judging");
  try {
    const texts = await readPicture(file, QR_AND_EAN);
    await reading(texts, "file", texts.length === 0);
  } catch (e) {
    clear();
    tellFault({ cause: cameraWords(e), next: t("Спробуйте іншу картинку.", "Try another picture.") });
  }
}

let burst = { text: "", last: 0, timer: 0, fast: true };

function endBurst() {
  clearTimeout(burst.timer);
  const { text, fast } = burst;
  burst = { text: "", last: 0, timer: 0, fast: true };
  if (!fast || [...text].length < LEAST) return false;
  if ($("setup").hidden) reading([text], "scanner");
  else {
    $("pin").value = text.slice(0, 256);
    typedPin();
  }
  return true;
}

/** A hand scanner types where it likes: fast keys outside of fields are its text, and press no buttons. */
function key(e) {
  if (e.isComposing || e.ctrlKey || e.metaKey || (e.altKey && e.key.length !== 1)) return;
  const field = e.target instanceof Element && e.target.closest("input:not([type=checkbox]):not([type=radio]):not([type=file]), textarea");
  if (field && !["paste", "digits", "digits-back"].includes(field.id)) return;
  const now = e.timeStamp;
  const running = burst.text !== "" && now - burst.last < BURST;
  if ([...e.key].length === 1 && e.target instanceof Element && e.target.closest("select")) e.preventDefault(); // letters choose no guard: the arrows do
  if ((e.key === "Enter" || e.key === "Tab") && running && [...burst.text].length >= LEAST) {
    e.preventDefault();
    e.stopPropagation();
    if (endBurst() && field) field.value = "";
    return;
  }
  if ([...e.key].length === 1) {
    if (!running) {
      clearTimeout(burst.timer);
      burst = { text: "", last: 0, timer: 0, fast: true };
      if (e.key === " ") {
        if (!field && !(e.target instanceof Element && e.target.closest("button, a, summary, label, input")) && shown) {
          e.preventDefault();
          order("dismiss");
        }
        return;
      }
    } else if (e.key === " " && !field) e.preventDefault();
    burst.text += e.key;
    burst.last = now;
    clearTimeout(burst.timer);
    if (!field) burst.timer = setTimeout(endBurst, PAUSE);
    if (burst.text.length > 8192) burst = { text: "", last: 0, timer: 0, fast: true };
    return;
  }
  if (e.key === "Escape" && (shown || (screen && screen.challenge))) order("dismiss");
}

function keyUp(e) {
  if (e.key === " " && burst.text !== "") e.preventDefault(); // else a button under the focus would be pressed
}

// ---- start ----

function wire() {
  document.addEventListener("keydown", key, true);
  document.addEventListener("keyup", keyUp, true);
  document.addEventListener("pointerdown", allowSound, { once: false, passive: true });
  document.addEventListener("keydown", allowSound, { passive: true });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      clear(); // nobody looks: a green that is found later would be somebody else's
      dropOnline();
      order("clear");
    } else {
      touched = Date.now();
      look();
      update();
    }
  });
  for (const event of ["pointerdown", "keydown", "input", "wheel", "drop"]) document.addEventListener(event, () => (touched = Date.now()), { capture: true, passive: true });
  addEventListener("pagehide", () => clear());
  addEventListener("online", () => (network(), update()));
  addEventListener("offline", network);
  $("lang").addEventListener("click", async () => {
    lang = lang === "en" ? "uk" : "en";
    saveLanguage(lang);
    translate();
    cameraButton();
    shown = 0; // the same verdict, in other words; what has left stays away
    await order("lang", { lang });
    await look();
  });
  $("pin").addEventListener("input", typedPin);
  $("pin-compared").addEventListener("change", () => ($("pin-go").disabled = !$("pin-compared").checked));
  $("pin-form").addEventListener("submit", pinNow);
  $("pin-scan").addEventListener("click", () => (camera ? stopCamera() : startCamera("root")));
  $("camera-toggle").addEventListener("click", () => (camera ? stopCamera() : startCamera(health && health.code === "no-root" ? "root" : "codes")));
  $("torch").addEventListener("click", async () => {
    if (await torch($("video"), !lit)) lit = !lit;
    $("torch").setAttribute("aria-pressed", String(lit));
  });
  $("camera-next").addEventListener("click", otherCamera);
  $("challenge").addEventListener("click", challenge);
  $("asking-end").addEventListener("click", () => order("dismiss"));
  $("file").addEventListener("change", async (e) => {
    await pictureFile(e.target.files[0]);
    e.target.value = "";
  });
  $("paste-form").addEventListener("submit", (e) => {
    e.preventDefault();
    const text = $("paste").value;
    $("paste").value = "";
    if (text.trim() !== "") reading([text], "paste");
  });
  document.addEventListener("paste", (e) => {
    if (e.target instanceof Element && e.target.closest("input, textarea")) return;
    const image = [...e.clipboardData.files].find((f) => f.type.startsWith("image/"));
    const text = e.clipboardData.getData("text/plain");
    if (image) pictureFile(image);
    else if (text && $("setup").hidden) reading([text.slice(0, 8192)], "paste");
  });
  $("bundle-file").addEventListener("change", async (e) => {
    await installFile(e.target.files[0], $("bundle-file").dataset.op || "install");
    e.target.value = "";
    $("bundle-file").dataset.op = "";
  });
  $("mend").addEventListener("click", () => {
    $("bundle-file").dataset.op = "recover";
    $("bundle-file").click();
  });
  addEventListener("dragover", (e) => {
    e.preventDefault();
    document.body.classList.add("dropping");
  });
  addEventListener("dragleave", () => document.body.classList.remove("dropping"));
  addEventListener("drop", (e) => {
    e.preventDefault();
    document.body.classList.remove("dropping");
    const file = e.dataTransfer.files[0];
    if (!file) return;
    if (file.type.startsWith("image/")) pictureFile(file);
    else installFile(file);
  });
  $("update").addEventListener("click", () => update(true));
  $("guard").addEventListener("change", async () => {
    if ($("guard").value) await order("guard", { text: $("guard").value });
    await look();
  });
  $("digits-form").addEventListener("submit", (e) => {
    e.preventDefault();
    const text = $("digits").value;
    $("digits").value = "";
    if (text.trim() !== "") reading([text], "paste");
  });
  $("admit-form").addEventListener("submit", (e) => {
    e.preventDefault();
    admit();
  });
  $("admit-token").addEventListener("change", lookToken);
  $("admit-scan").addEventListener("click", () => (camera && purpose === "onboard" ? stopCamera() : startCamera("onboard")));
  for (const c of ["checkpoint", "council"]) {
    $(`class2-${c}`).addEventListener("change", async () => {
      await order("class", { class: c });
      await look();
    });
  }
  $("forget").addEventListener("click", () => {
    $("sure-text").textContent = t("Прибрати з цього пристрою корінь, дані й ключ? Після цього його треба налаштувати знову.", "Remove the root, the data and the key from this device? It then has to be set up again.");
    $("sure").returnValue = "no";
    $("sure").showModal();
  });
  $("sure").addEventListener("close", () => {
    if ($("sure").returnValue === "yes") forget();
  });
  $("take").addEventListener("click", () => (replaced ? again({ take: true }) : boot(true)));
  $("newer-take").addEventListener("click", () => {
    wanted = true;
    newer();
  });
  setInterval(newer, 1000);
  setInterval(look, 30_000);
  setInterval(update, CHECK_EVERY);
}

async function forget() {
  endDevice("forgotten");
  await new Promise((resolve) => {
    const request = indexedDB.deleteDatabase("posvid-verifier");
    request.onsuccess = request.onerror = request.onblocked = resolve;
  });
  location.reload();
}

/** Holds the lock while this tab checks; another tab may take it away, and then this one stops. */
function boot(steal = false) {
  $("taken").hidden = true;
  navigator.locks
    .request("posvid-verifier", steal ? { steal: true } : { ifAvailable: true }, async (lock) => {
      if (!lock) {
        $("taken").hidden = false;
        $("loading").hidden = true;
        return;
      }
      holding = true;
      if (!(await startDevice())) $("loading").hidden = true;
      if (!holding) return;
      update();
      onboardLink();
      resume();
      await new Promise(() => {}); // until the tab is closed, or the lock is taken
    })
    .catch(() => {
      endDevice("taken");
      clear();
      dropOnline();
      for (const id of ["verdict", "camera", "ways", "data", "setup", "not-ready", "asking"]) $(id).hidden = true;
      $("taken").hidden = false;
    });
}

// ---- newer builds: one takes over as a whole, and only while nobody is judged or shown ----

let builds = null; // the registration of the service worker
let replaced = false; // another build's service worker has this page: it must be loaded again before it takes any file
let wanted = false; // somebody pressed the button
let taking = 0; // timer while the newer build takes over
let failed = false; // it did not
let touched = Date.now(); // when a person or a code was here last, or when the screen was busy
let before = {}; // what the page was doing before it is, or was, loaded again

/** Nothing is shown, read or asked: the screen waits for a code. */
const vacant = () => $("verdict").dataset.outcome === "waiting" && $("asking").hidden && !$("answer").dataset.online && !$("sure").open && burst.text === "" && !(device && screen && screen.waiting);

/** And nothing is on its way: no order, no bundle, no program that starts. */
const idle = () => vacant() && !starting && !installing && !(device && device.waiting.size > 0);

/** Tells of a newer build, and takes it when somebody asked for it or nobody has been here for long. */
function newer() {
  const waits = Boolean(builds && builds.waiting && builds.active && holding);
  const free = idle();
  const now = Date.now();
  if (now < touched || document.hidden || !vacant()) touched = now;
  if (replaced && holding && free) again({ camera: camera !== null && purpose === "codes" });
  // A guard on duty is not stored: taking a build by itself would leave the post without one.
  const alone = now - touched >= UNTOUCHED && $("setup").hidden && !(health && health.guard);
  if (waits && !replaced && !taking && free && (wanted || alone)) take();
  let text = "";
  if (taking || replaced) text = holding ? t("Беремо нову версію сторінки…", "Taking the new version of the page…") : "";
  else if (waits && wanted) text = t("Нову версію буде взято, щойно екран чекатиме на код.", "The new version is taken as soon as the screen waits for a code.");
  else if (waits && failed) text = t("Нова версія не запустилася: закрийте цю сторінку та відкрийте знову.", "The new version did not start: close this page and open it again.");
  else if (waits) text = t("Є нова версія цієї сторінки.", "There is a new version of this page.");
  else if (before.taken) text = t("Працює нова версія сторінки.", "The new version of the page runs.");
  if ($("newer-text").textContent !== text) $("newer-text").textContent = text;
  $("newer-take").hidden = !waits;
}

/** Lets the waiting build take over. Until it has, nothing is judged; when it does not, the old one goes on. */
function take() {
  before = { camera: camera !== null && purpose === "codes", hand: wanted };
  stopCamera();
  taking = setTimeout(() => {
    if (replaced) return; // it has: the page is loaded again as soon as nothing is on its way
    taking = 0;
    failed = true;
    wanted = false;
    touched = Date.now();
    if (before.camera && holding) startCamera();
    before = {};
    newer();
  }, TERM);
  builds.waiting.postMessage({ type: "activate" });
}

const RESUME = "posvid-verify-resume"; // in the storage of this tab, for the moment of loading: nothing of a person

/** Loads the page again, once; it goes on with what it was doing. */
function again(more = {}) {
  if (before.loading) return;
  clearTimeout(taking);
  before = { ...more, ...before, loading: true };
  try {
    sessionStorage.setItem(RESUME, JSON.stringify({ ...before, loading: false, taken: true, device: deviceId, silent: !$("sound").checked }));
  } catch {
    // Without a storage the camera has to be switched on by hand.
  }
  location.reload();
}

/** What the page was doing before it was loaded again. */
function remembered() {
  try {
    before = JSON.parse(sessionStorage.getItem(RESUME)) || {};
    sessionStorage.removeItem(RESUME);
  } catch {
    before = {};
  }
  if (before.silent) $("sound").checked = false;
  deviceId = before.device || "";
}

function resume() {
  if (!before.taken) return;
  setTimeout(() => (before = before.taken ? {} : before), DWELL);
  newer();
  if (before.hand) $("main").focus();
  if (before.camera && health && health.code !== "no-root") startCamera();
}

/** Keeps the page for when the network is off, and looks for newer builds. */
async function newBuilds() {
  try {
    const workers = navigator.serviceWorker;
    const had = await workers.getRegistration("/verify/");
    let old = Boolean(workers.controller || (had && had.active && had.active.state === "activated"));
    workers.addEventListener("controllerchange", () => {
      replaced = old; // the first one is that of this very build
      old = true;
      newer();
    });
    builds = await workers.register("/verify/sw.js", { scope: "/verify/", updateViaCache: "none" });
    builds.addEventListener("updatefound", () => builds.installing && builds.installing.addEventListener("statechange", newer));
    newer();
    setInterval(() => navigator.onLine && builds.update().catch(() => {}), CHECK_EVERY);
  } catch {
    // Without it the page needs the service at its start; a device that has none is told by check.js.
  }
}

if (!document.documentElement.hasAttribute("data-old")) {
  remembered();
  translate();
  wire();
  clear();
  boot(before.take);
  newBuilds();
}
