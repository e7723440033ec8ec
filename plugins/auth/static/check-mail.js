// After a mail was asked for: says so in place, and offers to send it once more.
import { keep } from "./going-on.js";

document.addEventListener("mail-sent", (event) => {
  const after = document.querySelector("[data-after]");
  const { next } = event.detail.form.dataset;
  if (next && next !== "/dashboard") keep(next);
  document.querySelector("[data-before]").hidden = true;
  after.hidden = false;
  after.querySelector("[name=email]").value = event.detail.form.elements.email.value;
  after.querySelector("h1").focus();
});
