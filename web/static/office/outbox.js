// Ballots of anonymous surveys that wait on this device leave when they are due and a page of Дія.Офіс is open. They need no log-in.

import { sendDue } from "/static/office/ballot.js";

const LONGEST = 15_000; // milliseconds: not at the moment when somebody opens a page under a name
const AGAIN = 60_000;

function soon() {
  const [n] = crypto.getRandomValues(new Uint32Array(1));
  setTimeout(async () => {
    const sent = await sendDue().catch(() => 0); // a browser that keeps nothing has no ballots
    if (sent) dispatchEvent(new Event("posvid-ballots"));
    setTimeout(soon, AGAIN);
  }, (n / 2 ** 32) * LONGEST);
}

soon();
