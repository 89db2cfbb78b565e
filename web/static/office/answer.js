// What an answer to a survey may be (docs/spec/office-surveys.md): which questions are shown, what is wrong with an answer, and the
// answer that stands in a form. The service decides; this says it before anything is sent. It imports nothing and keeps nothing.

const LENGTH = 1000; // characters of a text, where the question names no length
const NUMBER = 1_000_000; // of a number, where the question names no bound
const BAD = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffd\p{Cs}]/u; // besides line ends

/** The text of a language; without an English one the Ukrainian stands for both. */
export const inLang = (text, lang) => (lang === "en" && text?.en) || text?.uk || "";

/** All questions in order. */
export const questions = (definition) => definition.pages.flatMap((p) => p.questions);

function holds(condition, value) {
  if (typeof value === "string") return (condition.is ?? []).includes(value);
  if (Array.isArray(value)) return value.some((id) => (condition.is ?? []).includes(id));
  if (typeof value !== "number") return false;
  const { from, to } = condition;
  return (from !== undefined || to !== undefined) && (from === undefined || value >= from) && (to === undefined || value <= to);
}

/** The set of questions that somebody sees who answers so. A hidden or unanswered question fulfils no condition. */
export function visible(definition, answer) {
  const seen = new Set();
  for (const q of questions(definition)) {
    if ((q.showIf ?? []).every((c) => seen.has(c.question) && holds(c, answer[c.question]))) seen.add(q.id);
  }
  return seen;
}

/** Takes answers to hidden questions out, as often as that hides further ones. */
export function prune(definition, answer) {
  const seen = visible(definition, answer);
  return Object.fromEntries(Object.entries(answer).filter(([id]) => seen.has(id)));
}

/** The numbers or counts that a question allows. */
export function bounds(q) {
  const [low, high] = q.kind === "many" ? [1, q.options.length] : [-NUMBER, NUMBER];
  return [q.min ?? low, q.max ?? high];
}

function wrong(q, value) {
  const has = (id) => q.options.some((o) => o.id === id);
  const [low, high] = bounds(q);
  switch (q.kind) {
    case "one":
      return typeof value !== "string" ? "kind" : has(value) ? "" : "option";
    case "many":
    case "ranking":
      if (!Array.isArray(value) || value.some((v) => typeof v !== "string")) return "kind";
      if (value.some((id, i) => !has(id) || value.indexOf(id) < i)) return "option";
      if (q.kind === "ranking") return value.length === q.options.length ? "" : "count";
      return value.length < low || value.length > high ? "count" : "";
    case "scale":
    case "number":
      if (!Number.isSafeInteger(value)) return "kind";
      return value < low || value > high ? "range" : "";
    case "text":
      if (typeof value !== "string") return "kind";
      if (value.trim() === "" || BAD.test(value.replaceAll("\n", ""))) return "text";
      return [...value].length > (q.maxLength || LENGTH) ? "length" : "";
  }
  return "kind";
}

/** What is wrong with an answer: [{question, code}] in the order of the questions; empty: it is good. */
export function check(definition, answer) {
  const seen = visible(definition, answer);
  const faults = [];
  const known = new Set();
  for (const q of questions(definition)) {
    known.add(q.id);
    if (!Object.hasOwn(answer, q.id)) {
      if (q.required && seen.has(q.id)) faults.push({ question: q.id, code: "required" });
      continue;
    }
    const code = seen.has(q.id) ? wrong(q, answer[q.id]) : "hidden";
    if (code) faults.push({ question: q.id, code });
  }
  if (Object.keys(answer).some((id) => !known.has(id))) faults.push({ question: "", code: "unknown" });
  return faults;
}

/** A fault in words. */
export function faultText(q, code, lang) {
  const [low, high] = q ? bounds(q) : [0, 0];
  const texts = {
    required: ["Дайте відповідь на це питання.", "Answer this question."],
    hidden: ["На це питання не треба відповідати.", "This question is not to be answered."],
    kind: ["Тут має бути ціле число.", "A whole number is wanted here."],
    option: ["Такого варіанта немає або його названо двічі.", "There is no such option, or it is named twice."],
    count: q?.kind === "ranking" ? ["Розставте всі варіанти, кожен на своє місце.", "Put all options in order, each in one place."] : [`Оберіть від ${low} до ${high} варіантів.`, `Choose ${low} to ${high} options.`],
    range: [`Число від ${low} до ${high}.`, `A number from ${low} to ${high}.`],
    text: ["Порожній текст або керівні знаки.", "An empty text, or control characters."],
    length: [`Не більше ніж ${q?.maxLength || LENGTH} знаків.`, `At most ${q?.maxLength || LENGTH} characters.`],
  };
  return (texts[code] ?? ["Ця відповідь не підходить.", "This answer does not fit."])[lang === "en" ? 1 : 0];
}

/**
 * The answer that stands in fields a.‹question› (many: repeated) and, for a ranking, a.‹question›.‹option› with the option's place.
 * Empty fields are no answers; those to hidden questions are left out; what cannot be read stays as it is, for check to refuse.
 * @param {Iterable<[string, string]>} fields as of a FormData or URLSearchParams
 */
export function read(definition, fields) {
  const given = new Map();
  for (const [name, value] of fields) given.set(name, [...(given.get(name) ?? []), String(value)]);
  const answer = {};
  for (const q of questions(definition)) {
    const values = given.get("a." + q.id) ?? [];
    const first = (values[0] ?? "").replaceAll("\r\n", "\n").trim();
    switch (q.kind) {
      case "one":
      case "text":
        if (first !== "") answer[q.id] = first;
        break;
      case "many":
        if (values.length > 0) answer[q.id] = values;
        break;
      case "scale":
      case "number":
        if (first !== "") answer[q.id] = /^[+-]?[0-9]{1,15}$/.test(first) ? Number(first) + 0 : first;
        break;
      case "ranking": {
        const order = [];
        let any = false;
        for (const o of q.options) {
          const text = (given.get(`a.${q.id}.${o.id}`)?.[0] ?? "").trim();
          any ||= text !== "";
          const place = /^[+-]?[0-9]{1,6}$/.test(text) ? Number(text) : 0;
          if (place >= 1 && place <= q.options.length && order[place - 1] === undefined) order[place - 1] = o.id;
        }
        if (any) answer[q.id] = order.filter((id) => id !== undefined);
      }
    }
  }
  return prune(definition, answer);
}
