// Shows an editor of a survey the fields that the chosen kind of answer has, and asks before what was typed is left unsaved. The
// form works without it.

const form = /** @type {HTMLFormElement | null} */ (document.getElementById("survey"));

// Which fields the kinds use; every other is always there.
const uses = {
  options: ["one", "many", "ranking"],
  min: ["many", "scale", "number"],
  max: ["many", "scale", "number"],
  length: ["text"],
  low: ["scale"],
  "low-en": ["scale"],
  high: ["scale"],
  "high-en": ["scale"],
};

function show(question) {
  const kind = document.getElementById(question.id + "-kind").value;
  for (const [name, kinds] of Object.entries(uses)) {
    const field = document.getElementById(`${question.id}-${name}`);
    // What stands in a field is never hidden: the service would refuse it, and nobody could find it.
    if (field) field.closest(".field").hidden = !kinds.includes(kind) && field.value === "";
  }
  const details = question.querySelector("details");
  if (details && (kind === "scale" || kind === "number")) details.open = true; // these need bounds
}

if (form) {
  const questions = form.querySelectorAll("fieldset.question");
  let changed = false;
  questions.forEach(show);
  form.addEventListener("input", () => (changed = true));
  form.addEventListener("change", (e) => {
    const question = /** @type {HTMLElement} */ (e.target).closest("fieldset.question");
    if (question) show(question);
  });
  form.addEventListener("submit", () => (changed = false));
  addEventListener("beforeunload", (e) => {
    if (changed) e.preventDefault();
  });
}
