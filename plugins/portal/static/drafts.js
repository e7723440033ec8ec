// What was typed and not sent: kept in this tab for each person, page and form, offered by a notice when they come back.
// Never a password, a code or a file. Forms with a text of several lines are kept, others by data-keep; none by data-keep="no".
import { say } from "./words.js";

const WAIT_MS = 500;
const PREFIX = "draft:";
const timers = new WeakMap();
let isListening = false;
const isKept = (form) => form.dataset.keep !== "no" && ("keep" in form.dataset || form.querySelector("textarea"));

function keyOf(form) {
  const forms = [...document.querySelectorAll("form[data-api]")].filter((each) => each.dataset.api === form.dataset.api);
  const person = document.body.dataset.signedIn || "";
  return `${PREFIX}${person}:${location.pathname}:${form.dataset.api}:${forms.indexOf(form)}`;
}

function fieldsOf(form) {
  const secret = "[type=password], [type=file], [type=hidden], [type=submit], [type=button], [autocomplete=one-time-code], [data-secret]";
  return [...form.elements].filter((field) => field.name && !field.disabled && !field.matches(`fieldset, output, ${secret}`));
}

const isChoice = (field) => field.type === "checkbox" || field.type === "radio";
const startOf = (field) => field.options ? [...field.options].find((each) => each.defaultSelected)?.value ?? field.options[0]?.value ?? "" : field.defaultValue;
const hasChanged = (field) => isChoice(field) ? field.checked !== field.defaultChecked : field.value !== startOf(field);

export function keep(form) {
  const values = fieldsOf(form).map((field, at) => [at, field.name, isChoice(field) ? field.checked : field.value, hasChanged(field)]);
  const changed = values.filter((each) => each[3]).map((each) => each.slice(0, 3));
  if (changed.length) sessionStorage.setItem(keyOf(form), JSON.stringify({ at: Date.now(), changed }));
  else sessionStorage.removeItem(keyOf(form));
}

function offer(form) {
  const kept = JSON.parse(sessionStorage.getItem(keyOf(form)) || "null");
  if (!kept) return;
  const notice = document.createElement("div");
  notice.className = "notice warn draft";
  notice.setAttribute("role", "status");
  const text = document.createElement("p");
  text.className = "grow";
  const time = new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: "short" }).format(kept.at);
  text.textContent = say("draft", { time });
  const answer = (words, run) => {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "button small", textContent: words });
    button.addEventListener("click", () => { notice.remove(); run(); });
    return button;
  };
  notice.append(
    text,
    answer(say("draft_use"), () => use(form, kept.changed)),
    answer(say("draft_drop"), () => sessionStorage.removeItem(keyOf(form))),
  );
  form.prepend(notice);
}

function use(form, changed) {
  const fields = fieldsOf(form);
  let first;
  for (const [at, name, value] of changed) {
    const field = fields[at]?.name === name ? fields[at] : fields.find((each) => each.name === name);
    if (!field) continue;
    if (isChoice(field)) field.checked = value;
    else field.value = value;
    first ??= field;
    for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind, { bubbles: true }));
  }
  first?.focus();
}

export function start() {
  const forms = [...document.querySelectorAll("form[data-api]")].filter((form) => isKept(form) && !form.querySelector(".draft"));
  for (const form of forms) offer(form);
  if (isListening) return;
  isListening = true;
  document.addEventListener("input", (event) => {
    const form = event.target.closest?.("form[data-api]");
    if (!form || !isKept(form)) return;
    clearTimeout(timers.get(form));
    timers.set(form, setTimeout(keep, WAIT_MS, form));
  });
  document.addEventListener("form:settled", (event) => {
    clearTimeout(timers.get(event.target));
    sessionStorage.removeItem(keyOf(event.target));
    event.target.querySelector(":scope > .draft")?.remove();
  });
  addEventListener("pagehide", () => {
    for (const form of document.querySelectorAll("form[data-dirty]")) if (isKept(form)) keep(form);
  });
}
