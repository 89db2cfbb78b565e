// The page where an official answers a survey: one page of questions at a time, questions shown by the answers before them, a
// ranking by buttons, a draft that stays on this device, and for an anonymous survey the ballot. A named survey works without it.

import { el } from "/static/lib/ui.js";
import { check, faultText, questions, read, visible } from "/static/office/answer.js";
import * as box from "/static/office/ballot.js";

const form = /** @type {HTMLFormElement} */ (document.getElementById("survey"));
const lang = document.documentElement.lang === "en" ? "en" : "uk";
const T = (uk, en) => (lang === "en" ? en : uk);
const $ = (id) => document.getElementById(id);
const { survey, member } = form.dataset;
const anonymous = form.dataset.mode === "anonymous";
const definition = JSON.parse(form.dataset.definition);
const byID = new Map(questions(definition).map((q) => [q.id, q]));
const pages = [...form.querySelectorAll(".page")];
const fieldset = (id) => document.getElementById("q-" + id);
let page = 0;
let sending = false;

const answer = () => read(definition, new FormData(form));

/** Says something to who listens to the page, also the same words again. */
function announce(text) {
  $("live").textContent = "";
  setTimeout(() => ($("live").textContent = text), 50);
}

// ——— questions and pages ———

/** Shows what the answers so far ask for. Answers to hidden questions stay in their fields, and are not part of the answer. */
function show(focus = false) {
  const seen = visible(definition, answer());
  for (const id of byID.keys()) fieldset(id).hidden = !seen.has(id);
  const shown = pages.map((p, i) => i).filter((i) => pages[i].querySelector("fieldset.question:not([hidden])"));
  if (!shown.includes(page)) page = shown.filter((i) => i < page).pop() ?? shown[0] ?? 0;
  pages.forEach((p, i) => (p.hidden = i !== page));
  const at = shown.indexOf(page);
  const last = at === shown.length - 1;
  $("back").hidden = at <= 0;
  $("next").hidden = last;
  $("send").hidden = !last;
  if ($("when")) $("when").hidden = !last;
  $("progress").hidden = shown.length < 2;
  $("progress").textContent = T(`Сторінка ${at + 1} із ${shown.length}`, `Page ${at + 1} of ${shown.length}`);
  if (focus) {
    const first = pages[page].querySelector("h2, fieldset:not([hidden]) input, fieldset:not([hidden]) textarea, fieldset:not([hidden]) button");
    first?.focus();
    announce($("progress").textContent);
  }
  return shown;
}

/** Marks what is wrong and goes there; true when something is. on: only these questions. */
function mark(faults, on = () => true) {
  for (const id of byID.keys()) {
    const fault = faults.find((f) => f.question === id && on(id));
    const place = $("e-" + id);
    place.textContent = fault ? faultText(byID.get(id), fault.code, lang) : "";
    place.hidden = !fault;
    if (fault) fieldset(id).setAttribute("aria-invalid", "true");
    else fieldset(id).removeAttribute("aria-invalid");
  }
  const first = faults.find((f) => on(f.question) && byID.has(f.question));
  if (!first) return false;
  page = pages.findIndex((p) => p.contains(fieldset(first.question)));
  show();
  fieldset(first.question).querySelector("input, textarea, select, button")?.focus();
  announce($("e-" + first.question).textContent);
  return true;
}

function next() {
  if (mark(check(definition, answer()), (id) => pages[page].contains(fieldset(id)))) return;
  const shown = show();
  page = shown[shown.indexOf(page) + 1] ?? page;
  show(true);
  keep();
}

function back() {
  const shown = show();
  page = shown[shown.indexOf(page) - 1] ?? page;
  show(true);
}

// ——— ranking without dragging ———

function ranking(list) {
  const id = list.dataset.ranking;
  const items = () => [...list.children];
  const state = el("p", { class: "hint" });
  const accept = el("button", { type: "button", class: "quiet" }, T("Такий порядок", "This order"));
  const clear = el("button", { type: "button", class: "link" }, T("Зняти відповідь", "Clear the answer"));
  const set = () => items().every((li) => li.querySelector("select").value !== "");
  const say = () => {
    state.textContent = set() ? T("Порядок задано: найвище – перше.", "The order is set: the highest is first.") : T("Порядку ще не задано. Пересуньте варіанти кнопками.", "No order yet. Move the options with the buttons.");
    list.classList.toggle("unset", !set());
    accept.hidden = set();
    clear.hidden = !set();
    items().forEach((li, i, all) => {
      const [up, down] = li.querySelectorAll("button");
      up.setAttribute("aria-disabled", String(i === 0));
      down.setAttribute("aria-disabled", String(i === all.length - 1));
    });
  };
  const store = () => {
    items().forEach((li, i) => (li.querySelector("select").value = String(i + 1)));
    list.dispatchEvent(new Event("input", { bubbles: true }));
    say();
  };
  const move = (li, by) => {
    const all = items();
    const to = all.indexOf(li) + by;
    if (to < 0 || to >= all.length) return;
    const active = document.activeElement;
    if (by < 0) all[to].before(li);
    else all[to].after(li);
    active?.focus();
    store();
    const name = li.querySelector("label").textContent;
    announce(T(`${name}: місце ${to + 1} із ${all.length}`, `${name}: place ${to + 1} of ${all.length}`));
  };
  for (const li of items()) {
    const name = li.querySelector("label").textContent;
    const button = (text, word, by) => el("button", { type: "button", class: "quiet", "aria-label": `${word}: ${name}`, on: { click: () => move(li, by) } }, text);
    li.append(el("span", { class: "moves" }, button("↑", T("вище", "higher"), -1), button("↓", T("нижче", "lower"), 1)));
    li.querySelector("select").hidden = true;
  }
  accept.addEventListener("click", () => {
    store();
    clear.focus();
  });
  clear.addEventListener("click", () => {
    for (const li of items()) li.querySelector("select").value = "";
    list.dispatchEvent(new Event("input", { bubbles: true }));
    say();
    accept.focus();
  });
  list.after(state, el("p", { class: "row" }, accept, clear));
  list.refresh = () => {
    const place = (li) => Number(li.querySelector("select").value) || 99;
    list.append(...items().sort((a, b) => place(a) - place(b)));
    say();
  };
  list.refresh();
  fieldset(id).querySelectorAll(".only-plain").forEach((p) => (p.hidden = true));
}

// ——— the draft ———

let timer = 0;

async function keep() {
  clearTimeout(timer);
  const fields = [...new FormData(form)].filter(([name, value]) => name.startsWith("a.") && typeof value === "string" && value !== "");
  await box.keepDraft({ member, survey, fields }).catch(() => {});
}

/** Remembers within this tab that a named answer was sent; without a value it tells and forgets. */
function session(value) {
  try {
    const was = sessionStorage.getItem("posvid-office-sent");
    if (value) sessionStorage.setItem("posvid-office-sent", value);
    else sessionStorage.removeItem("posvid-office-sent");
    return was;
  } catch {
    return null;
  }
}

async function restore() {
  if (session() === survey && form.dataset.answered === "true" && !$("faults")) await box.dropDraft(member, survey).catch(() => {});
  const kept = await box.draft(member, survey).catch(() => undefined); // a browser that keeps nothing
  if (!kept?.fields?.length || $("faults")) return;
  const given = new Set(kept.fields.map(([name, value]) => `${name}\n${value}`));
  const values = new Map(kept.fields);
  for (const field of form.elements) {
    if (!field.name?.startsWith("a.")) continue;
    if (field.type === "radio" || field.type === "checkbox") field.checked = given.has(`${field.name}\n${field.value}`);
    else field.value = values.get(field.name) ?? "";
  }
  form.querySelectorAll("[data-ranking]").forEach((list) => list.refresh());
  $("draft").hidden = false;
}

async function drop() {
  await box.dropDraft(member, survey).catch(() => {});
  form.reset();
  form.querySelectorAll("[data-ranking]").forEach((list) => list.refresh());
  $("draft").hidden = true;
  page = 0;
  show();
}

// ——— sending ———

const problems = {
  offline: ["Немає звʼязку зі службою. Бюлетень лежить на цьому пристрої; спробуйте ще раз.", "No connection to the service. The ballot lies on this device; try again."],
  "survey-served": ["Ваш бюлетень уже видано: на іншому пристрої, в іншому браузері, за іншою вашою посадою, або дані цього браузера стерто. Другого бюлетеня не буде.", "Your ballot was given out already: on another device, in another browser, in another post of yours, or this browser's data was erased. There is no second one."],
  "survey-closed": ["Опитування вже закрито.", "The survey is closed already."],
  "unknown-survey": ["Такого опитування вже немає.", "There is no such survey any more."],
  "survey-not-eligible": ["Це опитування не для вашого підрозділу чи категорії.", "This survey is not for your unit or category."],
  "not-logged-in": ["Сеанс закінчився. Увійдіть знову: чернетка лежить на цьому пристрої.", "The session has ended. Log in again: the draft lies on this device."],
  "office-no-id": ["Доступ має лише власник чинного службового посвідчення.", "Only the holder of a valid service ID has access."],
  "ballot-counted": ["За цим бюлетенем уже враховано іншу відповідь.", "Another answer was counted for this ballot already."],
  "ballot-forged": ["Служба не визнала підпису бюлетеня. Відповідь не враховано; скажіть про це тому, хто проводить опитування.", "The service did not accept the ballot's signature. The answer was not counted; tell whoever runs the survey."],
  signature: ["Підпис служби невірний. Нічого не надіслано: із таким підписом бюлетень можна було б упізнати. Скажіть про це тому, хто проводить опитування.", "The service's signature is wrong. Nothing was sent: a ballot with it could be recognised. Tell whoever runs the survey."],
  key: ["Ключ опитування не такий, яким має бути. Нічого не надіслано.", "The key of the survey is not what it has to be. Nothing was sent."],
  descriptor: ["Опис опитування не сходиться зі своїм хешем або з цією сторінкою. Нічого не надіслано.", "What the service says of the survey does not match its hash or this page. Nothing was sent."],
  "answer-wrong": ["Служба не прийняла такої відповіді. Перегляньте її й надішліть ще раз.", "The service did not take this answer. Look through it and send it again."],
  storage: ["Цей браузер не зберігає даних, тому анонімний бюлетень тут зробити не можна. Відкрийте сторінку не в приватному вікні.", "This browser keeps no data, so an anonymous ballot cannot be made here. Open the page outside a private window."],
};

const problem = (e) => T(...(problems[e.code] ?? (e instanceof box.BallotError || e.name === "BlindError" ? ["Служба не відповіла як слід. Спробуйте ще раз за хвилину.", "The service did not answer as it should. Try again in a minute."] : problems.storage)));

function wrong(text) {
  $("form-wrong").textContent = text;
  $("form-wrong").hidden = text === "";
}

/** Shows the ballot of this browser in place of the form, or the form. */
function state(ballot, failure) {
  const place = $("ballot");
  const hasForm = !ballot || ballot.stage === "asked" || failure?.code === "answer-wrong";
  form.hidden = !hasForm;
  $("progress").hidden ||= !hasForm;
  if (!hasForm) $("draft").hidden = true;
  place.hidden = hasForm;
  if (hasForm) return;
  const check = el("a", { href: `/office/surveys/${encodeURIComponent(survey)}/check` }, T("Перевірити, чи враховано мою відповідь", "Check that my answer was counted"));
  const erase = el("button", { type: "button", class: "link", id: "erase", on: { click: () => forget(ballot) } }, T("Стерти ці дані з пристрою", "Erase this data from the device"));
  const words = { ready: ["", T("Бюлетень підписано, він чекає на цьому пристрої.", "The ballot is signed and waits on this device.")], sent: ["good", T("Відповідь прийнято. Дякуємо.", "The answer was taken. Thank you.")], refused: ["bad", problem(ballot)] }[ballot.stage];
  const parts = [el("p", { id: "ballot-state", "data-stage": ballot.stage }, words[1])];
  if (ballot.stage === "ready") {
    parts.push(el("p", {}, T("Він піде сам, коли Дія.Офіс буде відкрито після ", "It leaves by itself when Дія.Офіс is open after ") + new Intl.DateTimeFormat("uk-UA", { timeZone: "Europe/Kyiv", dateStyle: "short", timeStyle: "short" }).format(ballot.due) + "."));
    parts.push(el("p", {}, el("button", { type: "button", id: "send-now", on: { click: () => deliver(ballot) } }, T("Надіслати зараз", "Send now"))));
  }
  if (ballot.stage === "sent") {
    parts.push(el("p", {}, T("Коли опитування закриють, у відкритому переліку можна буде знайти свою відповідь: цей пристрій памʼятає її таємний номер.", "Once the survey is closed, your answer can be found in the public list: this device remembers its secret number.")));
    parts.push(el("details", {}, el("summary", {}, T("Код для перевірки на іншому пристрої", "Code to check on another device")), el("p", { class: "mono", id: "secret" }, box.text64(ballot.secret)), el("p", { class: "hint" }, T("Хто має цей код, побачить вашу відповідь.", "Whoever has this code sees your answer."))));
  }
  if (ballot.stage !== "ready") parts.push(el("p", { class: "row" }, check, erase));
  if (failure) parts.push(el("p", { class: "wrong", role: "alert" }, problem(failure)));
  place.className = "notice " + words[0];
  place.replaceChildren(...parts);
}

async function forget(ballot) {
  await box.dropBallot(ballot.member, ballot.survey);
  $("ballot").className = "notice";
  $("ballot").replaceChildren(el("p", { id: "erased", role: "status" }, T("Стерто. Цей пристрій більше не знає, що ви відповіли.", "Erased. This device no longer knows what you answered.")));
}

async function deliver(ballot) {
  $("send-now")?.setAttribute("disabled", "");
  try {
    state(await box.send(await box.sign(ballot)));
    announce($("ballot-state").textContent);
  } catch (e) {
    const now = (await box.ballot(member, survey).catch(() => undefined)) ?? ballot;
    state(now, e);
    if (e.code === "answer-wrong") wrong(problem(e));
  }
}

let described = null;

/** The survey as everybody is told of it, once. It has to ask what this page asks. */
async function describe() {
  described ??= box.descriptor(survey).then(
    (d) => {
      if (d.definition !== form.dataset.definition) throw new box.BallotError("descriptor");
      $("fingerprint").textContent = box.groups(d.fingerprint);
      return d;
    },
    (e) => {
      described = null;
      throw e;
    },
  );
  return described;
}

async function cast() {
  const given = answer();
  if (sending || mark(check(definition, given))) return;
  const now = Date.now();
  const postpone = $("when-later").checked;
  const term = Math.min(6 * 3600_000, Number(form.dataset.closes) - now - 3600_000);
  if (postpone && term < 600_000) { // the page was open for long: a ballot that is due after the end is lost
    $("when-now").checked = true;
    $("when-later").disabled = true;
    wrong(T("Опитування скоро закриють, тому надіслати пізніше вже не можна. Натисніть ще раз, щоб надіслати зараз.", "The survey closes soon, so it is too late to send later. Press again to send now."));
    return;
  }
  sending = true;
  wrong("");
  await keep(); // it stays until the ballot is signed
  const button = $("send");
  button.disabled = true;
  announce(T("Надсилаємо…", "Sending…"));
  try {
    let ballot = await box.sign(await box.write(member, await describe(), given, postpone ? box.later(now, term) : now));
    await box.dropDraft(member, survey);
    if (!postpone) {
      try {
        ballot = await box.send(ballot);
      } catch (e) {
        ballot = (await box.ballot(member, survey)) ?? ballot;
        state(ballot, e);
        if (e.code === "answer-wrong") wrong(problem(e));
        return;
      }
    }
    state(ballot);
    $("ballot").setAttribute("tabindex", "-1");
    $("ballot").focus();
  } catch (e) {
    if (e.code === "sent") state(await box.ballot(member, survey)); // another tab was faster
    else wrong(problem(e));
  } finally {
    sending = false;
    button.disabled = false;
  }
}

// ——— the start ———

for (const list of form.querySelectorAll("[data-ranking]")) ranking(list);
for (const p of form.querySelectorAll(".only-plain")) p.hidden = true;
for (const p of form.querySelectorAll("p.unset")) p.hidden = byID.get(p.querySelector("[data-unset]").dataset.unset).required === true;
form.noValidate = true;
form.addEventListener("input", () => {
  show();
  clearTimeout(timer);
  if (!sending) timer = setTimeout(keep, 400);
});
form.addEventListener("click", (e) => {
  const id = /** @type {HTMLElement} */ (e.target).dataset?.unset;
  if (!id) return;
  for (const field of fieldset(id).querySelectorAll("input")) field.checked = false;
  form.dispatchEvent(new Event("input"));
});
$("next").addEventListener("click", next);
$("back").addEventListener("click", back);
$("drop-draft").addEventListener("click", drop);
form.addEventListener("submit", (e) => {
  if (!$("next").hidden) {
    e.preventDefault(); // Enter in a field
    next();
  } else if (anonymous) {
    e.preventDefault();
    cast();
  } else if (mark(check(definition, answer()))) {
    e.preventDefault();
  } else {
    clearTimeout(timer);
    session(survey); // the draft goes once the service has the answer
  }
});

const first = form.querySelector("fieldset.question[aria-invalid]");
if (first) page = Math.max(0, pages.findIndex((p) => p.contains(first)));
await restore();
show();
first?.querySelector("input, textarea, button")?.focus();

if (anonymous) {
  try {
    const ballot = await box.ballot(member, survey);
    if (ballot) state(ballot);
    else if (form.dataset.taken === "true") {
      form.hidden = true;
      $("progress").hidden = true;
      $("ballot").hidden = false;
      $("ballot").className = "notice warn";
      $("ballot").replaceChildren(el("p", { id: "served" }, problem({ code: "survey-served" })));
    }
    $("send").disabled = false;
    const soon = Number(form.dataset.closes) - Date.now() < 2 * 3600_000;
    $("when-later").disabled = soon;
    await describe();
  } catch (e) {
    wrong(problem(e));
  }
  addEventListener("posvid-ballots", async () => {
    const ballot = await box.ballot(member, survey).catch(() => undefined); // outbox.js has sent something
    if (ballot && ballot.stage !== "asked") state(ballot);
  });
}
