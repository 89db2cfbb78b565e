// Keeps what is typed into a form on the server, sealed, so that it is there after the session has ended. Without this script the
// pages work; a form is then given back when it is sent too late.

const forms = document.querySelectorAll("form[data-draft]");

/** @param {HTMLFormElement} form */
function fields(form) {
  const out = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    if (typeof value === "string" && !/pass|secret|code|^once$|^hash$/i.test(name)) out.append(name, value);
  }
  out.set("draft-place", location.pathname);
  return out;
}

for (const form of forms) {
  let timer = 0;
  let sent = false;
  let last = "";
  const keep = () => {
    const body = fields(form);
    if (sent || body.toString() === last) return;
    last = body.toString();
    fetch(form.dataset.draft, { method: "POST", body, keepalive: true, credentials: "same-origin" }).catch(() => {});
  };
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(keep, 1200);
  });
  form.addEventListener("submit", () => {
    sent = true;
    clearTimeout(timer);
  });
  addEventListener("pagehide", keep);
}
