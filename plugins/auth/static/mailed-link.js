// A page that a mail leads to: the secret stands behind the # and goes nowhere but into the form.
import { kept, lead, signInWith } from "./going-on.js";

const token = document.querySelector("[data-from-hash]");
document.querySelector("[data-link-incomplete]").hidden = Boolean(token.value);
if (token.value) history.replaceState(null, "", location.pathname);
const { form } = token;
if (kept()) form.dataset.then = form.dataset.then === "/sign-in" ? signInWith(kept()) : kept();
lead();
