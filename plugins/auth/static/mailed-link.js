// A page that a mail leads to: the secret stands behind the # and goes nowhere but into the form.
const token = document.querySelector("[data-from-hash]");
document.querySelector("[data-link-incomplete]").hidden = Boolean(token.value);
if (token.value) history.replaceState(null, "", location.pathname);
