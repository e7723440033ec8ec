// What is asked when a session has ended under somebody's hands: the password, then a code or a passkey, in a dialog.
import { signIn } from "../auth/passkey.js";
import { ApiProblem } from "./api.js";
import { openDialog, toast } from "./ui.js";

const dialog = document.querySelector("dialog#sign-in-again");
const [first, second] = [dialog.querySelector("form"), dialog.querySelector("[data-factor]")];
const [token, passkey] = [second.querySelector("[name=mfa_token]"), second.querySelector("[data-passkey-again]")];

export async function ask() {
  [first.hidden, second.hidden] = [false, true];
  return (await openDialog(dialog)) === "done";
}

document.addEventListener("signed-in-again", ({ detail: { answer, form } }) => {
  form.reset();
  if (!answer.mfa_required) {
    dialog.close("done");
    return;
  }
  [first.hidden, second.hidden] = [true, false];
  token.value = answer.mfa_token;
  passkey.hidden = !answer.methods.includes("passkey");
  second.querySelector("[name=code]").focus();
});
passkey.querySelector("button").addEventListener("click", async () => {
  try {
    await signIn(token.value);
    dialog.close("done");
  } catch (problem) {
    if (problem instanceof ApiProblem) toast(problem.message, { kind: "bad" });
    else if (!(problem instanceof DOMException)) throw problem;
  }
});
