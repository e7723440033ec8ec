// Switching plugins: what would turn on and off is asked of the API and shown before it happens.
import { reload } from "../portal/focus.js";
import { ApiProblem, call } from "../portal/api.js";
import { valuesOf } from "../portal/forms.js";
import { openDialog, toast } from "../portal/ui.js";

const form = document.querySelector("[data-switch]");
const dialog = document.querySelector("#switch");
const NEEDED = ["auth", "admin", "portal"];

function line(name, reason) {
  const item = document.createElement("li");
  const about = document.createElement("span");
  Object.assign(about, { className: "about", dir: "auto", textContent: reason || "" });
  item.append(form.querySelector(`[value="${name}"]`)?.closest("li")?.querySelector("label b")?.textContent || name, about);
  return item;
}

function show(change) {
  for (const part of dialog.querySelectorAll("[data-part]")) {
    const names = change[part.dataset.part];
    part.hidden = !names.length;
    part.querySelector("ul").replaceChildren(...names.map((name) => line(name, change.reasons[name])));
  }
  dialog.querySelector("[data-lost]").hidden = !("own" in form.dataset && change.off.some((name) => NEEDED.includes(name)));
}

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const wanted = { enabled: valuesOf(form).enabled || [] };
  try {
    const change = await call("PUT", `${form.dataset.switch}?preview=true`, wanted);
    if (!change.on.length && !change.off.length && !change.idle.length) {
      toast(document.querySelector("[data-nothing]").textContent);
      return;
    }
    show(change);
    if ((await openDialog(dialog)) !== "yes") return;
    await call("PUT", form.dataset.switch, wanted);
    sessionStorage.setItem("toast", document.querySelector("[data-saved]").textContent);
    reload();
  } catch (problem) {
    if (!(problem instanceof ApiProblem)) throw problem;
    toast(problem.message, { kind: "bad" });
  }
});
