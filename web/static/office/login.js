// The page that waits for the phone: asks whether it has answered, and goes on when it has.

const wait = document.getElementById("wait");
// Milliseconds to the next look: often while people look at the phone, then seldom. A whole office asks from one address, which has
// so many requests in a minute.
let pause = 1500;

async function look() {
  try {
    const answer = await fetch("/office/login/state", { headers: { Accept: "application/json" }, credentials: "same-origin" });
    const { state, number } = await answer.json();
    // Another number: another tab of this browser has begun anew, and only its code counts.
    if (answer.ok && (state !== "waiting" || number !== Number(wait.dataset.number))) {
      location.reload();
      return;
    }
  } catch {
    // no connection: the next look tells
  }
  pause = Math.min(pause * 1.1, 5000);
  setTimeout(look, pause);
}

if (wait && wait.dataset.state === "waiting") {
  // The wallet of this same tab may know the number: nobody but this page could have put it here.
  document.getElementById("same-device").addEventListener("click", () => {
    sessionStorage.setItem("posvid-office-login", JSON.stringify({ code: wait.dataset.code, number: Number(wait.dataset.number) }));
  });
  setTimeout(look, pause);
}
const form = document.getElementById("finish-form");
if (form) form.submit();
