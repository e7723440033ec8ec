// The list of users: all that match as CSV, and activating one.
import { reload } from "../portal/focus.js";
import { ApiProblem, call } from "../portal/api.js";
import { toast } from "../portal/ui.js";

const COLUMNS = ["first_name", "last_name", "email", "role", "status", "last_login", "created_at"];
const words = (name) => document.querySelector(`[data-words-${name}]`).textContent;

// A cell that begins like a formula must not become one.
function cell(value) {
  const text = String(value ?? "");
  return `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
}

async function everybody(query) {
  const found = [];
  for (;;) {
    query.set("limit", "100");
    query.set("offset", String(found.length));
    const page = await call("GET", `/api/v1/users?${query}`);
    found.push(...page.items);
    if (!page.items.length || found.length >= page.total) return found;
  }
}

async function exportAll(button) {
  button.setAttribute("aria-busy", "true");
  try {
    const people = await everybody(new URL(button.dataset.export, location.origin).searchParams);
    const lines = [COLUMNS.join(","), ...people.map((each) => COLUMNS.map((name) => cell(each[name])).join(","))];
    const file = URL.createObjectURL(new Blob(["\ufeff", lines.join("\r\n"), "\r\n"], { type: "text/csv" }));
    Object.assign(document.createElement("a"), { href: file, download: "users.csv" }).click();
    setTimeout(() => URL.revokeObjectURL(file), 10_000);
    toast(words("exported"));
  } finally {
    button.removeAttribute("aria-busy");
  }
}

document.addEventListener("click", async ({ target }) => {
  const [exporter, activator] = ["[data-export]", "[data-activate]"].map((each) => target.closest?.(each));
  try {
    if (exporter) await exportAll(exporter);
    if (!activator) return;
    await call("PATCH", `/api/v1/users/${activator.dataset.activate}`, { status: "active" });
    sessionStorage.setItem("toast", words("activated"));
    reload();
  } catch (problem) {
    if (!(problem instanceof ApiProblem)) throw problem;
    toast(problem.message, { kind: "bad" });
  }
});
