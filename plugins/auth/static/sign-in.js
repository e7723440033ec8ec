// The page of signing in: a living refresh token goes on at once; a second factor is asked in place; passkeys.
import { ApiProblem, refresh } from "../portal/api.js";
import { toast } from "../portal/ui.js";
import { forget } from "./going-on.js";
import { canUsePasskeys, showWhereUsable, signIn } from "./passkey.js";

const first = document.querySelector("[data-first-step]");
const second = document.querySelector("[data-second-step]");
const next = document.querySelector("form[data-next]")?.dataset.next || "/dashboard";
const origin = document.querySelector("[data-passkey]")?.dataset.passkey;
let offered = null;

function goOn(answer) {
  if (!answer.mfa_required) forget();
  if (answer.mfa_required) {
    offered?.abort();
    const byPasskey = answer.methods.includes("passkey") && canUsePasskeys(origin);
    first.hidden = true;
    second.hidden = false;
    second.querySelector("[data-passkey-second]").hidden = !byPasskey;
    second.querySelector("[name=mfa_token]").value = answer.mfa_token;
    second.querySelector(byPasskey && !answer.methods.includes("totp") ? "[data-passkey-go-on]" : "[name=code]").focus();
  } else location.assign(answer.mfa_enrolment_required ? "/profile/security" : next);
}

// Who turns the browser's question away, or takes another way in, is told nothing.
async function byPasskey(mfaToken, how) {
  try {
    goOn(await signIn(mfaToken, how));
  } catch (problem) {
    if (problem instanceof ApiProblem) toast(problem.message, { kind: "bad" });
    else if (!(problem instanceof DOMException)) throw problem;
  }
}

// Once somebody goes to the address, passkeys stand among what the browser offers to fill in.
async function offer() {
  if (!canUsePasskeys(origin) || !(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
  offered = new AbortController();
  await byPasskey("", { conditional: true, signal: offered.signal });
}

document.addEventListener("signed-in", (event) => goOn(event.detail.answer));
second?.querySelector("[name=code]").addEventListener("input", (event) => {
  if (/^[\d٠-٩]{6}$/.test(event.target.value)) event.target.form.requestSubmit();
});
document.addEventListener("click", ({ target }) => {
  if (target.closest?.("[data-passkey-sign-in]")) {
    offered?.abort();
    byPasskey("");
  } else if (target.closest?.("[data-passkey-go-on]")) byPasskey(second.querySelector("[name=mfa_token]").value);
});
document.querySelector("[autocomplete~=webauthn]")?.addEventListener("focus", offer, { once: true });
showWhereUsable();
if (first?.dataset.mayRefreshTo && await refresh()) location.replace(first.dataset.mayRefreshTo);
