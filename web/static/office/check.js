// Counts the public list of a closed anonymous survey again, and finds the own answer in it, all in this browser.

import { el } from "/static/lib/ui.js";
import { inLang, questions } from "/static/office/answer.js";
import { GROUP, ballots, bytes64, count, dropBallot, find, groups, parts, recount } from "/static/office/ballot.js";

const place = document.getElementById("check");
const own = document.getElementById("own");
const lang = document.documentElement.lang === "en" ? "en" : "uk";
const T = (uk, en) => (lang === "en" ? en : uk);
const survey = place.dataset.survey;

const faults = {
  forged: T("У переліку є бюлетень без вірного підпису.", "The list has a ballot without a good signature."),
  twice: T("Перелік не впорядковано, або якийсь бюлетень стоїть у ньому двічі.", "The list is not in order, or has a ballot twice."),
  received: T("Бюлетенів у переліку не стільки, скільки прийнято.", "The list does not have as many ballots as were received."),
  issued: T("Прийнято більше бюлетенів, ніж видано, або видано більше, ніж запрошено людей.", "More ballots were received than were given out, or more given out than people invited."),
  entries: T("У якомусь питанні відповідей не стільки, скільки бюлетенів.", "A question does not have as many answers as there are ballots."),
};

/** The words of one value in the list. */
function words(q, part, value) {
  if (value === null && q.kind === "text") return T("вільний текст: у переліку його не показують", "a free text, which the list does not show");
  if (value === null) return T("приховано, щоб не показати малої групи", "withheld, so that no small group is shown");
  if (value === undefined) return T("немає в переліку", "not in the list");
  if (value === "") return T("без відповіді", "no answer");
  if (q.kind === "one") return inLang(q.options.find((o) => o.id === value)?.text, lang);
  if (q.kind === "many") return value === "1" ? T("обрано", "chosen") : T("не обрано", "not chosen");
  if (q.kind === "ranking") return T(`місце ${value}`, `place ${value}`);
  return value.replace("..", "–");
}

const about = (q, part) => inLang(q.text, lang) + (part ? " – " + inLang(q.options.find((o) => o.id === part)?.text, lang) : "");

const table = (caption, head, rows) =>
  el("div", { class: "table", role: "region", tabindex: "0", "aria-label": caption }, el("table", {}, el("caption", {}, caption), el("thead", {}, el("tr", {}, head.map((h) => el("th", { scope: "col" }, h)))), el("tbody", {}, rows)));

function counted(list, result) {
  const rows = [];
  for (const q of questions(list.questions)) {
    for (const part of parts(q)) {
      const { values } = result.counts.find((c) => c.question === q.id && c.part === part);
      const named = [...values].sort(([a], [b]) => String(a).localeCompare(String(b), "uk", { numeric: true }));
      named.forEach(([value, n], i) => rows.push(el("tr", {}, i === 0 && el("th", { scope: "rowgroup", rowspan: named.length }, about(q, part)), el("td", {}, words(q, part, value)), el("td", { class: "num" }, n))));
    }
  }
  return table(T("Перелічено у вашому браузері", "Counted in your browser"), [T("Питання", "Question"), T("Відповідь", "Answer"), T("Скільки", "How many")], rows);
}

async function show(list, secret, kept) {
  const found = await find(list, secret, kept?.answer);
  const sameKey = !kept || (kept.key === list.key && kept.definitionHash === list.definition_hash);
  const good = found.counted && found.same && sameKey;
  const text = !found.counted
    ? T("Вашого бюлетеня в переліку немає.", "Your ballot is not in the list.")
    : !sameKey
      ? T("Бюлетень у переліку є, але його ключ або питання не ті, що були у вас. Скажіть про це тому, хто проводить опитування.", "The ballot is in the list, but its key or its questions are not those that you had. Tell whoever runs the survey.")
      : !found.same
        ? T("Бюлетень у переліку є, але відповідь у ньому не ваша. Скажіть про це тому, хто проводить опитування.", "The ballot is in the list, but the answer in it is not yours. Tell whoever runs the survey.")
        : T("Вашу відповідь враховано.", "Your answer was counted.");
  own.replaceChildren(el("div", { class: "notice " + (good ? "good" : "bad"), role: "status", id: "own-state", "data-good": String(good) }, el("p", {}, text)));
  if (!found.counted) return;
  if (list.received < GROUP) {
    own.append(el("p", { class: "hint" }, T("Відповідей надто мало, щоб показувати бодай одну.", "There are too few answers to show any.")));
    return;
  }
  const rows = [];
  for (const q of questions(list.questions)) {
    for (const part of parts(q)) {
      const { value } = found.entries.find((e) => e.question === q.id && e.part === part);
      rows.push(el("tr", {}, el("th", { scope: "row" }, about(q, part)), el("td", {}, words(q, part, value))));
    }
  }
  own.append(table(T("Ваш бюлетень у переліку", "Your ballot in the list"), [T("Питання", "Question"), T("Відповідь", "Answer")], rows));
}

async function run() {
  const list = await recount(survey);
  const result = await count(list);
  place.replaceChildren(
    result.wrong.length
      ? el("div", { class: "notice bad", role: "alert", id: "list-state", "data-good": "false" }, result.wrong.map((w) => el("p", {}, faults[w])))
      : el("div", { class: "notice good", id: "list-state", "data-good": "true" }, el("p", {}, T(`Перелік сходиться: ${list.received} бюлетенів, кожен із вірним підписом.`, `The list is right: ${list.received} ballots, each with a good signature.`))),
    el("dl", { class: "facts" }, [
      [T("Запрошено", "Invited"), list.eligible], [T("Видано бюлетенів", "Ballots given out"), list.issued], [T("Прийнято", "Received"), list.received],
      [T("Відбиток ключа", "Fingerprint of the key"), el("span", { class: "mono", id: "fingerprint" }, groups(list.fingerprint))],
    ].map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
  );
  if (!result.hidden) document.getElementById("counts").replaceChildren(counted(list, result));
  const kept = (await ballots().catch(() => [])).filter((b) => b.survey === survey && b.stage !== "asked");
  // Others may use this browser too: only who is logged in is shown what was kept for him; everybody else has the code.
  const mine = kept.find((b) => b.member === place.dataset.member);
  if (mine) {
    await show(list, mine.secret, mine);
    own.append(el("p", {}, el("button", { type: "button", class: "link", id: "erase", on: { click: async () => { await dropBallot(mine.member, survey); own.replaceChildren(); } } }, T("Стерти дані про мою відповідь із цього пристрою", "Erase the data about my answer from this device"))));
  } else if (kept.length > 0) {
    own.replaceChildren(el("p", { id: "not-shown" }, T("З цього браузера на опитування відповідали. Щоб побачити свою відповідь, увійдіть у Дія.Офіс або введіть код зі сторінки опитування.", "This survey was answered from this browser. To see your own answer log in to Дія.Офіс, or enter the code of the survey's page.")));
  }
  const form = document.getElementById("by-code");
  form.hidden = false;
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    const secret = bytes64(document.getElementById("code").value.trim(), 32);
    if (secret) await show(list, secret, kept.find((b) => b.secret.every((x, i) => x === secret[i])));
    else own.replaceChildren(el("div", { class: "notice bad", role: "alert", id: "own-state", "data-good": "false" }, el("p", {}, T("Це не код: у ньому 43 латинські літери, цифри, - або _.", "This is no code: it has 43 letters, digits, - or _."))));
  });
}

run().catch((e) => {
  const offline = e.code === "offline";
  place.replaceChildren(el("div", { class: "notice bad", role: "alert", id: "list-state", "data-good": "false" }, el("p", {}, offline
    ? T("Немає звʼязку зі службою. Спробуйте ще раз.", "No connection to the service. Try again.")
    : T("Перелік не такий, яким має бути, або його ще немає.", "The list is not what it has to be, or is not there yet."))));
});
