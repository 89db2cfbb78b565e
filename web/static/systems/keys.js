// Page of a system: puts a file of public keys into the field where keys are pasted. Nothing is sent until the form is.

const field = document.getElementById("system-keyfile-field");
const file = document.getElementById("system-keyfile");
const keys = document.getElementById("system-keys");
const most = 16 * 1024; // bytes of a set of keys that the service takes

if (field && file instanceof HTMLInputElement && keys instanceof HTMLTextAreaElement) {
  field.hidden = false;
  file.addEventListener("change", async () => {
    const chosen = file.files?.[0];
    if (!chosen) return;
    keys.value = chosen.size <= most ? await chosen.text() : "";
    keys.focus();
  });
}
