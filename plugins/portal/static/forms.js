// Forms that call the API: <form data-api="PATCH /api/v1/..." data-then="..." data-ok="Saved">; docs/writing-pages.md.
import { ApiProblem, call } from "./api.js";
import { reload } from "./focus.js";
import { openDialog, toast } from "./ui.js";
import { say } from "./words.js";

const BUSY_AFTER_MS = 400;
const running = new WeakSet();
// Loaded with the page where there is a form to speak of: a refusal is also shown when the network has gone.
const refusals = () => import("./refusals.js");

export function valuesOf(form, { changedOnly = false } = {}) {
  const values = {};
  for (const field of form.elements) {
    if (!field.name || field.disabled || field.matches("[type=submit], [type=button], [type=file], fieldset")) continue;
    if (field.type === "radio" && !field.checked) continue;
    if (changedOnly && !("always" in field.dataset) && !hasChanged(field)) continue;
    const value = valueOf(field);
    if (value === undefined) continue;
    if (field.name.endsWith("[]")) {
      const list = (values[field.name.slice(0, -2)] ??= []);
      if (field.type !== "checkbox" || field.checked) list.push(value);
    } else put(values, field.name.split("."), value);
  }
  return values;
}

function put(into, [first, ...rest], value) {
  if (rest.length) put((into[first] ??= {}), rest, value);
  else into[first] = value;
}

function hasChanged(field) {
  if (isChoice(field)) return field.checked !== field.defaultChecked;
  if (field.options) return [...field.options].some((each) => each.selected !== each.defaultSelected);
  return field.value !== field.defaultValue;
}

function valueOf(field) {
  const text = field.value;
  if (field.type === "checkbox" && !field.name.endsWith("[]")) return field.checked;
  if (text === "" && field.dataset.empty === "null") return null;
  if (text === "" && field.dataset.empty === "absent") return undefined;
  switch (field.dataset.type) {
    case "int": return text === "" ? null : wholeOf(text, field.dataset.times);
    case "bool": return text === "true";
    case "json": return text === "" ? null : JSON.parse(text);
    case "list": return text.split(/[\n,]/).map((each) => each.trim()).filter(Boolean);
    case "day_end": return text === "" ? null : new Date(`${text}T23:59:59`).toISOString();
    case "instant": return text === "" ? null : new Date(text).toISOString();
    case "length": return secondsOf(western(text));
    case "digits": return western(text).replace(/\s/g, "");
    default: return text;
  }
}

// What is no number is sent as it was typed: the API says so beside the field.
function wholeOf(text, times = 1) {
  const number = Number(western(text).replace(",", "."));
  return Number.isFinite(number) ? Math.round(number * times) : text;
}

// "6:12" and "1:02:03" in seconds; what is no length stays as it is, for the API to refuse.
function secondsOf(text) {
  const parts = text.trim().split(":");
  const right = parts.length > 1 && parts.every((part, place) => (place ? /^[0-5]?\d$/ : /^\d{1,4}$/).test(part));
  return right ? parts.reduce((sum, part) => sum * 60 + Number(part), 0) : text;
}

const western = (text) => text.replace(/[٠-٩]/g, (digit) => String(digit.charCodeAt(0) - 0x660));

async function submitted(event) {
  const form = event.target.closest("form[data-api]");
  if (!form) return;
  event.preventDefault();
  if (running.has(form)) return;
  running.add(form);
  const confirm = form.dataset.confirm && document.querySelector(form.dataset.confirm);
  try {
    if (confirm && (await openDialog(confirm)) !== "yes") return;
    await carryOut(form, event.submitter);
  } finally {
    running.delete(form);
  }
}

async function carryOut(form, button) {
  clear(form);
  const hoped = form.dataset.optimistic?.replace(".", "");
  if (hoped) form.classList.toggle(hoped);
  const busy = setTimeout(() => button?.setAttribute("aria-busy", "true"), BUSY_AFTER_MS);
  const [method, path] = form.dataset.api.split(" ");
  try {
    const body = method === "DELETE" && !form.querySelector("[name]") ? undefined
      : valuesOf(form, { changedOnly: method === "PATCH" });
    const sent = snapshot(form);
    let answer = await call(method, filled(path, form, {}), body);
    if ("poll" in form.dataset && answer?.task_id) answer = await (await import("./tasks.js")).follow(form, answer.task_id);
    succeed(form, answer, sent);
  } catch (problem) {
    if (!(problem instanceof ApiProblem)) throw problem;
    if (hoped) form.classList.toggle(hoped);
    form.dispatchEvent(new CustomEvent("api:refused", { detail: problem }));
    (await refusals()).refuse(form, problem);
  } finally {
    clearTimeout(busy);
    button?.removeAttribute("aria-busy");
  }
}

const filled = (path, form, answer) => path.replace(/\{(\w+)\}/g, (_, name) =>
  encodeURIComponent(answer?.[name] ?? form.elements[name]?.value ?? ""));

// `answer` fills what leads on; `sent` is what the fields held when it was sent, for they may have changed meanwhile.
function succeed(form, answer, sent) {
  const [then, ok] = [form.dataset.then || "stay", form.dataset.ok];
  const undo = form.dataset.undo && filled(form.dataset.undo, form, answer);
  settle(form, sent);
  if (form.dataset.api.endsWith("/auth/logout")) forget();
  form.dispatchEvent(new CustomEvent("api:done", { bubbles: true, detail: answer }));
  if (then.startsWith("event:")) {
    document.dispatchEvent(new CustomEvent(then.slice(6), { detail: { answer, form } }));
    return;
  }
  if (then === "stay" || then === "close") {
    if (ok) toast(ok, undoing(undo));
    for (const field of form.querySelectorAll("[type=password]")) field.value = "";
    form.closest("dialog")?.close("done");
    return;
  }
  if (ok) sessionStorage.setItem("toast", JSON.stringify({ text: ok, undo }));
  if (then === "reload") reload();
  else location.assign(filled(then, form, answer));
}

// Nothing that was typed stays in this tab for whoever comes next.
function forget() {
  sessionStorage.clear();
  for (const each of document.querySelectorAll("form[data-dirty]")) delete each.dataset.dirty;
}

function undoing(undo) {
  if (!undo) return {};
  const run = async () => {
    try {
      await call(...undo.split(" "));
      reload();
    } catch (problem) {
      toast((await refusals()).sentence(problem), { kind: "bad" });
    }
  };
  return { action: say("undo"), run };
}

const isChoice = (field) => field.type === "checkbox" || field.type === "radio";
const snapshot = (form) => new Map([...form.elements].map((field) => [field, isChoice(field) ? field.checked : field.value]));

// What was sent is what the fields begin with from now on.
function settle(form, sent) {
  for (const [field, held] of sent) {
    if (isChoice(field)) field.defaultChecked = held;
    else if (field.multiple) for (const each of field.options) each.defaultSelected = each.selected;
    else if (field.options) for (const each of field.options) each.defaultSelected = each.value === held;
    else if ("defaultValue" in field && !field.matches("[type=hidden], [type=password]")) field.defaultValue = held;
  }
  if (![...form.elements].some((field) => field.name && hasChanged(field))) delete form.dataset.dirty;
  form.dispatchEvent(new CustomEvent("form:settled", { bubbles: true }));
}

export const errorOf = (field) => document.getElementById(`${field.id}-error`) || field.closest(".field")?.querySelector(".error");

export function clear(form) {
  for (const field of form.querySelectorAll("[aria-invalid=true]")) unmark(field);
  for (const each of form.querySelectorAll("[data-summary], [data-conflict]")) each.hidden = true;
  form.querySelector("[data-conflict]")?.remove();
  document.title = document.title.replace(`${say("error")}: `, "");
}

function unmark(field) {
  field.removeAttribute("aria-invalid");
  const place = errorOf(field);
  if (place) place.hidden = true;
}

export function start() {
  document.addEventListener("submit", submitted);
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-api]");
    if (form) form.dataset.dirty = "";
    if (event.target.getAttribute?.("aria-invalid") === "true") unmark(event.target);
  });
  if (document.querySelector("[data-summary]")) refusals();
  const secret = new URLSearchParams(location.hash.slice(1));
  for (const field of document.querySelectorAll("[data-from-hash]")) field.value = secret.get(field.dataset.fromHash) || "";
  const kept = sessionStorage.getItem("toast");
  sessionStorage.removeItem("toast");
  if (kept) {
    const { text, undo } = kept.startsWith("{") ? JSON.parse(kept) : { text: kept };
    toast(text, undoing(undo));
  }
  if (document.querySelector("form[data-api] textarea, form[data-keep]")) import("./drafts.js").then((drafts) => drafts.start());
}
