// Follows a job: asks for the page again and puts its progress in place; loads the page anew when the stage has changed.

const stage = document.getElementById("stage");
const live = document.getElementById("live");

async function look() {
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, credentials: "same-origin" });
    if (answer.redirected) return location.reload();
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const now = page.getElementById("stage");
    if (!now || now.dataset.stage !== stage.dataset.stage) return location.reload();
    const next = page.getElementById("live");
    if (next && next.innerHTML !== live.innerHTML) live.replaceChildren(...next.childNodes);
  } catch {
    // no connection: the next look tells
  }
  setTimeout(look, 1500);
}

if (stage && live && document.querySelector("[data-busy]")) setTimeout(look, 1000);
