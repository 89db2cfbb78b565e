// Ballots of anonymous surveys that wait on this device leave when they are due, whenever the list of surveys or the start of
// Дія.Офіс is open.

import { el } from "/static/lib/ui.js";
import { ballots, sendDue } from "/static/office/ballot.js";

const place = document.getElementById("outbox");
const T = (uk, en) => (document.documentElement.lang === "en" ? en : uk);

async function run() {
  const { member } = place.dataset;
  const sent = await sendDue(member);
  const waiting = (await ballots(member)).filter((b) => b.stage === "ready" || b.stage === "asked").length;
  const lines = [];
  if (sent) lines.push(T(`Надіслано бюлетенів, що чекали на цьому пристрої: ${sent}.`, `Ballots sent that waited on this device: ${sent}.`));
  if (waiting) lines.push(T(`Бюлетенів чекає на цьому пристрої: ${waiting}.`, `Ballots waiting on this device: ${waiting}.`));
  place.hidden = lines.length === 0;
  if (lines.length) place.replaceChildren(el("div", { class: "notice", role: "status" }, lines.map((line) => el("p", {}, line))));
}

if (place) {
  const quiet = () => run().catch(() => {}); // a browser that keeps nothing has no ballots
  quiet();
  setInterval(quiet, 60_000);
}
