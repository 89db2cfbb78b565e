// The code of an invitation stands behind # in its link, where no server and no log sees it. It goes into the form's field, and
// out of the address bar.

const code = decodeURIComponent(location.hash.slice(1).replace(/%(?![0-9A-Fa-f]{2})/g, ''));
if (code !== '' && code.length <= 80) {
  const field = /** @type {HTMLInputElement} */ (document.getElementById('code'));
  field.value = code;
  history.replaceState(null, '', location.pathname + location.search);
  document.getElementById('take')?.focus();
}
