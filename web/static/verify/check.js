// Tells in plain words what a browser lacks. Written for browsers of any age: no modules, no arrow functions, no promises.
(function () {
  "use strict";
  function has(name) {
    return typeof window[name] !== "undefined" && window[name] !== null;
  }
  var lacks = [];
  if (window.isSecureContext === false) {
    lacks.push(["захищене з'єднання (адреса має починатися з https)", "a secure connection (the address has to begin with https)"]);
  } else {
    if (!has("crypto") || !window.crypto.subtle) lacks.push(["криптографія (WebCrypto)", "cryptography (WebCrypto)"]);
    if (!("serviceWorker" in navigator)) lacks.push(["робота без мережі (service worker; у приватному вікні його немає)", "work without a network (service worker; a private window has none)"]);
    if (!("locks" in navigator)) lacks.push(["замки між вкладками (Web Locks)", "locks between tabs (Web Locks)"]);
  }
  if (!has("indexedDB")) lacks.push(["сховище (IndexedDB; у приватному вікні його немає)", "storage (IndexedDB; a private window has none)"]);
  if (!has("WebAssembly")) lacks.push(["WebAssembly", "WebAssembly"]);
  if (!has("Worker")) lacks.push(["фонові програми (Worker)", "background programs (Worker)"]);
  if (!("noModule" in document.createElement("script"))) lacks.push(["сучасний JavaScript (модулі)", "modern JavaScript (modules)"]);
  if (typeof document.createElement("dialog").showModal !== "function") lacks.push(["вікна сторінки (dialog)", "windows of a page (dialog)"]);
  if (!lacks.length) return;

  var english = /[?&]lang=en/.test(location.search);
  var box = document.getElementById("old");
  var loading = document.getElementById("loading");
  function add(tag, text, parent) {
    var node = document.createElement(tag);
    node.appendChild(document.createTextNode(text));
    (parent || box).appendChild(node);
  }
  document.documentElement.setAttribute("data-old", "1");
  if (loading) loading.parentNode.removeChild(loading);
  add("h2", english ? "This browser cannot check service IDs" : "Цей браузер не може перевіряти посвідчення");
  add("p", english ? "It lacks:" : "Йому бракує:");
  var list = document.createElement("ul");
  box.appendChild(list);
  for (var i = 0; i < lacks.length; i++) add("li", lacks[i][english ? 1 : 0], list);
  add("p", english
    ? "Update the browser, or open this page in an up-to-date Chrome, Safari or Firefox (Android 8 or iOS 16.4 and later), not in a private window. Confirm nobody by this page until then."
    : "Оновіть браузер або відкрийте цю сторінку в новому Chrome, Safari чи Firefox (Android 8, iOS 16.4 і новіші) не в приватному вікні. До того нікого цією сторінкою не підтверджуйте.");
  box.hidden = false;
  box.removeAttribute("hidden");
})();
