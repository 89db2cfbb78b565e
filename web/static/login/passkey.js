// Adds or proves a passkey (Web Authentication, Level 3): asks the service for options, the browser for an answer, and the service
// whether the answer is good. What the page says lies in the data- attributes of #ceremony, in the page's language.

const page = /** @type {HTMLElement} */ (document.getElementById('ceremony'));
const button = /** @type {HTMLButtonElement | null} */ (document.getElementById('go'));
const adding = page.dataset.kind === 'add';
const base = adding ? '/account/passkeys' : '/login/passkey';

/** @param {string} text base64url @returns {Uint8Array} */
function bytes(text) {
  const raw = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(raw, (c) => c.charCodeAt(0));
}

/** @param {ArrayBuffer | null} buffer @returns {string} base64url */
function text(buffer) {
  if (!buffer) return '';
  let raw = '';
  for (const b of new Uint8Array(buffer)) raw += String.fromCharCode(b);
  return btoa(raw).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** @param {'busy' | 'wrong'} which @param {string} words empty hides it */
function say(which, words) {
  const place = document.getElementById(which);
  if (!place) return;
  place.textContent = words;
  place.hidden = words === '';
}

/** @param {{publicKey: any}} options as the service sends them */
function decoded(options) {
  const o = options.publicKey;
  o.challenge = bytes(o.challenge);
  if (o.user) o.user.id = bytes(o.user.id);
  for (const list of [o.excludeCredentials, o.allowCredentials]) for (const c of list ?? []) c.id = bytes(c.id);
  return { publicKey: o };
}

/** @param {PublicKeyCredential} c */
function encoded(c) {
  const r = /** @type {any} */ (c.response);
  const response = { clientDataJSON: text(r.clientDataJSON) };
  if (adding) {
    response.attestationObject = text(r.attestationObject);
    response.transports = r.getTransports?.() ?? [];
  } else {
    response.authenticatorData = text(r.authenticatorData);
    response.signature = text(r.signature);
    if (r.userHandle) response.userHandle = text(r.userHandle);
  }
  return { id: c.id, rawId: text(c.rawId), type: c.type, authenticatorAttachment: c.authenticatorAttachment ?? undefined, response, clientExtensionResults: {} };
}

/** A refusal of the service, in its own words. */
class Refused extends Error {}

/** @param {string} path @param {unknown} body @returns {Promise<any>} */
async function ask(path, body) {
  const answer = await fetch(path, {
    method: 'POST', credentials: 'same-origin', redirect: 'error',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json' }, body: JSON.stringify(body),
  });
  const data = await answer.json();
  if (!answer.ok) throw new Refused(`${data.title ?? ''} ${data.detail ?? ''}`.trim());
  return data;
}

async function run() {
  say('wrong', '');
  say('busy', page.dataset.busy ?? '');
  button?.setAttribute('disabled', '');
  try {
    const to = new URLSearchParams({ return: page.dataset.return ?? '/' });
    const options = decoded(await ask(`${base}/begin?${to}`, {}));
    const credential = adding ? await navigator.credentials.create(options) : await navigator.credentials.get(options);
    const answer = encoded(/** @type {PublicKeyCredential} */ (credential));
    const name = /** @type {HTMLInputElement | null} */ (document.getElementById('name'))?.value ?? '';
    const done = await ask(`${base}/finish`, adding ? { name, credential: answer } : answer);
    location.assign(done.to);
  } catch (e) {
    say('busy', '');
    if (e instanceof Refused) say('wrong', e.message);
    else if (e instanceof DOMException) say('wrong', page.dataset.cancelled ?? '');
    else say('wrong', page.dataset.offline ?? '');
    button?.removeAttribute('disabled');
  }
}

if (button) {
  if (window.PublicKeyCredential && navigator.credentials) {
    button.addEventListener('click', run);
  } else {
    button.disabled = true;
    say('wrong', page.dataset.old ?? '');
  }
}
