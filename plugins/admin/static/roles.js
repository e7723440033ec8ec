// The matrix of roles: what was changed is shown before it is saved, role by role.
import { reload } from "../portal/focus.js";
import { ApiProblem, call } from "../portal/api.js";
import { openDialog, toast } from "../portal/ui.js";

const form = document.querySelector("[data-roles]");
const dialog = document.querySelector("#changes");
const cells = [...form.querySelectorAll("select[data-role]")];
const before = (cell) => [...cell.options].find((each) => each.defaultSelected);
const words = (option) => option.textContent.replace(/\(.*\)/, "").trim();

function line(cell) {
  const item = document.createElement("li");
  const about = document.createElement("span");
  about.className = "about";
  about.textContent = `${words(before(cell))} → ${words(cell.selectedOptions[0])}`;
  item.append(cell.dataset.words, about);
  return item;
}

function byRole(changed) {
  const roles = new Map();
  for (const cell of changed) {
    const permissions = roles.get(cell.dataset.role) || {};
    permissions[cell.dataset.permission] = cell.value || null;
    roles.set(cell.dataset.role, permissions);
  }
  return roles;
}

function refuse(role, problem) {
  for (const each of problem.errors) {
    const name = each.field.replace(/^permissions\./, "");
    const cell = cells.find((one) => one.dataset.role === role && one.dataset.permission === name);
    cell?.setAttribute("aria-invalid", "true");
  }
  form.querySelector("[aria-invalid=true]")?.focus();
  toast(problem.errors[0]?.message || problem.message, { kind: "bad" });
}

form.addEventListener("change", (event) => event.target.removeAttribute("aria-invalid"));
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const changed = cells.filter((cell) => !cell.selectedOptions[0].defaultSelected);
  if (!changed.length) return toast(document.querySelector("[data-nothing]").textContent);
  dialog.querySelector("[data-changes]").replaceChildren(...changed.map(line));
  if ((await openDialog(dialog)) !== "yes") return;
  for (const [role, permissions] of byRole(changed)) {
    try {
      await call("PATCH", `/api/v1/roles/${role}`, { permissions });
      for (const cell of changed.filter((each) => each.dataset.role === role)) {
        for (const option of cell.options) option.defaultSelected = option.selected;
      }
    } catch (problem) {
      if (!(problem instanceof ApiProblem)) throw problem;
      return refuse(role, problem);
    }
  }
  sessionStorage.setItem("toast", document.querySelector("[data-saved]").textContent);
  reload();
});
