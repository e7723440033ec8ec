// Second factors: the app's QR code, new passkeys, recovery codes shown once.
import { reload } from "../portal/focus.js";
import { ApiProblem } from "../portal/api.js";
import { openDialog, toast } from "../portal/ui.js";
import { make, showWhereUsable } from "./passkey.js";

const find = (selector) => document.querySelector(selector);

function showCodes(codes) {
  for (const each of document.querySelectorAll("dialog[open]")) each.close("");
  if (!codes?.length) {
    reload();
    return;
  }
  find("[data-codes]").textContent = codes.join("\n");
  const dialog = find("#show-codes");
  openDialog(dialog).then(() => reload());
}

function tellWhy({ name }) {
  const words = JSON.parse(find("[data-passkey-words]").dataset.passkeyWords);
  const why = { NotAllowedError: "none", AbortError: "none", InvalidStateError: "known" }[name] ?? "failed";
  toast(words[why], { kind: why === "none" ? "" : "bad" });
  find("[data-open='#begin-passkey']").focus();
}

document.addEventListener("totp-begun", ({ detail: { answer, form } }) => {
  form.closest("dialog").close("");
  form.reset();
  const drawn = new DOMParser().parseFromString(answer.qr_svg, "image/svg+xml").documentElement;
  find("[data-qr]").replaceChildren(document.importNode(drawn, true));
  find("[data-secret]").textContent = answer.secret;
  openDialog(find("#confirm-totp"));
});
document.addEventListener("codes-made", ({ detail: { answer } }) => showCodes(answer.recovery_codes));
document.addEventListener("passkey-begun", async ({ detail: { answer, form } }) => {
  form.closest("dialog").close("");
  form.reset();
  try {
    const made = await make(answer.public_key, navigator.userAgentData?.platform || navigator.platform || "Passkey");
    showCodes(made.recovery_codes);
  } catch (problem) {
    if (problem instanceof ApiProblem) toast(problem.message, { kind: "bad" });
    else if (problem instanceof DOMException) tellWhy(problem);
    else throw problem;
  }
});
document.addEventListener("link-begun", ({ detail: { answer } }) => location.assign(answer.authorization_url));
showWhereUsable();
