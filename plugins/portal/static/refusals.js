// What a refused form shows: errors beside their fields, a summary, what else changed meanwhile, how long to wait.
import { errorOf } from "./forms.js";
import { toast } from "./ui.js";
import { say } from "./words.js";

export function refuse(form, problem) {
  const placed = [];
  const rest = [];
  for (const each of problem.errors) {
    const field = nearest(form, each.field);
    if (field) placed.push([field, plain(field, each.message)]);
    else rest.push(each.message);
  }
  if (!placed.length && !rest.length) {
    const shown = form.dataset.errorAt && form.elements[form.dataset.errorAt];
    if (shown && problem.status >= 400 && problem.status < 429) placed.push([shown, sentence(problem)]);
    else rest.push(sentence(problem));
  }
  for (const [field, message] of placed) mark(field, message);
  if (!document.title.startsWith(say("error"))) document.title = `${say("error")}: ${document.title}`;
  if (problem.status === 409 && !problem.errors.length && showConflict(form, problem)) return;
  if (rest.length || placed.length > 1) summarise(form, placed, rest, problem);
  else if (!("autosave" in form.dataset)) placed[0][0].focus();
}

// What is told of a type or a shape is meant for programs: people read what belongs there.
function plain(field, message) {
  if (!message.startsWith("Expected `")) return message;
  if (!field.value.trim()) return say("needed");
  return document.getElementById(`${field.id}-hint`)?.textContent || say("unfit");
}

export function sentence(problem) {
  if (problem.status === 0) return say("no_network");
  if (problem.status === 429 && problem.retryAfter) return say("wait", { seconds: problem.retryAfter });
  if (problem.status >= 500) return `${say("fault")} ${problem.requestId}`.trim();
  return problem.message || say("fault");
}

function nearest(form, path) {
  for (let name = path; name; name = name.replace(/(\[\d+\]|\.?[^.[\]]+)$/, "")) {
    const found = form.elements[name] || form.elements[`${name}[]`];
    const field = found?.tagName ? found : found?.[0];
    if (field?.hidden) return field.closest("[data-combobox]")?.querySelector("[role=combobox]") || null;
    if (field && field.type !== "hidden") return field;
  }
  return null;
}

export function mark(field, message) {
  field.setAttribute("aria-invalid", "true");
  const place = errorOf(field);
  if (!place) return;
  place.querySelector("[data-text]").textContent = message;
  place.hidden = false;
}

// Beside the button, for that is where the eyes are; what was typed is offered again after the page is loaded anew.
function showConflict(form, problem) {
  const button = form.querySelector("[type=submit], button:not([type])");
  if (!button) return false;
  const place = form.querySelector("[data-conflict]") || document.createElement("p");
  place.className = "error";
  place.dataset.conflict = "";
  place.setAttribute("role", "alert");
  const load = plainButton(say("load_changes"), async () => {
    (await import("./drafts.js")).keep(form);
    location.reload();
  });
  place.replaceChildren(`${sentence(problem)} `, load);
  (button.closest(".actions, .row") || button).after(place);
  return true;
}

function plainButton(text, run) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "link";
  button.textContent = text;
  button.addEventListener("click", run);
  return button;
}

function summarise(form, placed, rest, problem) {
  const summary = form.querySelector("[data-summary]");
  if (!summary) {
    toast(rest[0] || placed[0][1], { kind: "bad" });
    return;
  }
  const list = summary.querySelector("ul");
  const again = problem.status === 0 || problem.status === 503;
  list.replaceChildren(...rest.map((text) => line(text)), ...placed.map(([field, text]) => line(text, field)));
  if (again) list.firstElementChild.append(" ", plainButton(say("try_again"), () => form.requestSubmit()));
  summary.hidden = false;
  if (!("autosave" in form.dataset)) summary.focus();
  if (problem.status === 429 && problem.retryAfter) countDown(list.firstElementChild, problem.retryAfter);
}

function line(text, field) {
  const item = document.createElement("li");
  if (!field) {
    item.textContent = text;
    return item;
  }
  const link = document.createElement("a");
  link.href = `#${field.id}`;
  link.textContent = text;
  link.addEventListener("click", (event) => { event.preventDefault(); field.focus(); });
  item.append(link);
  return item;
}

function countDown(item, seconds) {
  const until = Date.now() + seconds * 1000;
  const timer = setInterval(() => {
    const left = Math.ceil((until - Date.now()) / 1000);
    item.textContent = left > 0 ? say("wait", { seconds: left }) : say("again_now");
    if (left <= 0 || !item.isConnected) clearInterval(timer);
  }, 1000);
}
