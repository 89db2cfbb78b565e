// Starts the verifier's program while the rest of the page is still being read: it takes the longest.
(function () {
  "use strict";
  try {
    window.posvidEarly = new Worker("/verify/worker.js", { type: "module" });
  } catch (e) {
    // An old browser: check.js tells what it lacks.
  }
})();
