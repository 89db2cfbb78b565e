// The page that waits for the phone: asks whether it has answered, and goes on when it has.

const wait = document.getElementById("wait");
const LOOK = 1500; // milliseconds between two looks

async function look() {
  try {
    const answer = await fetch("/office/login/state", { headers: { Accept: "application/json" }, credentials: "same-origin" });
    const { state } = await answer.json();
    if (answer.ok && state !== "waiting") {
      location.reload();
      return;
    }
  } catch {
    // no connection: the next look tells
  }
  setTimeout(look, LOOK);
}

if (wait && wait.dataset.state === "waiting") {
  // The wallet of this same tab may know the number: nobody but this page could have put it here.
  document.getElementById("same-device").addEventListener("click", () => {
    sessionStorage.setItem("posvid-office-login", JSON.stringify({ code: wait.dataset.code, number: Number(wait.dataset.number) }));
  });
  setTimeout(look, LOOK);
}
const form = document.getElementById("finish-form");
if (form) form.submit();
