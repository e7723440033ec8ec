// The page of signing in: a living refresh token goes on at once; a second factor is asked in place; passkeys.
import { ApiProblem, refresh } from "../portal/api.js";
import { toast } from "../portal/ui.js";
import { forget } from "./going-on.js";
import { showWhereUsable, signIn } from "./passkey.js";

const first = document.querySelector("[data-first-step]");
const second = document.querySelector("[data-second-step]");
const next = document.querySelector("form[data-next]")?.dataset.next || "/dashboard";

function goOn(answer) {
  if (!answer.mfa_required) forget();
  if (answer.mfa_required) {
    first.hidden = true;
    second.hidden = false;
    second.querySelector("[name=mfa_token]").value = answer.mfa_token;
    second.querySelector("[name=code]").focus();
  } else location.assign(answer.mfa_enrolment_required ? "/profile/security" : next);
}

document.addEventListener("signed-in", (event) => goOn(event.detail.answer));
second?.querySelector("[name=code]").addEventListener("input", (event) => {
  if (/^[\d٠-٩]{6}$/.test(event.target.value)) event.target.form.requestSubmit();
});
document.querySelector("[data-passkey-sign-in]")?.addEventListener("click", async () => {
  try {
    goOn(await signIn());
  } catch (problem) {
    if (problem instanceof ApiProblem) toast(problem.message, { kind: "bad" });
  }
});
showWhereUsable();
if (first?.dataset.mayRefreshTo && await refresh()) location.replace(first.dataset.mayRefreshTo);
