// Forms that call the API: <form data-api="PATCH /api/v1/..." data-then="..." data-ok="Saved">; docs/writing-pages.md.
import { ApiProblem, call } from "./api.js";
import { openDialog, toast } from "./ui.js";
import { say } from "./words.js";

const BUSY_AFTER_MS = 400;
const running = new WeakSet();

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
  if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
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
  const busy = setTimeout(() => button?.setAttribute("aria-busy", "true"), BUSY_AFTER_MS);
  const [method, path] = form.dataset.api.split(" ");
  try {
    const body = method === "DELETE" && !form.querySelector("[name]") ? undefined
      : valuesOf(form, { changedOnly: method === "PATCH" });
    const answer = await call(method, filled(path, form, {}), body);
    delete form.dataset.dirty;
    succeed(form, answer);
  } catch (problem) {
    if (!(problem instanceof ApiProblem)) throw problem;
    form.dispatchEvent(new CustomEvent("api:refused", { detail: problem }));
    refuse(form, problem);
  } finally {
    clearTimeout(busy);
    button?.removeAttribute("aria-busy");
  }
}

const filled = (path, form, answer) => path.replace(/\{(\w+)\}/g, (_, name) =>
  encodeURIComponent(answer?.[name] ?? form.elements[name]?.value ?? ""));

function succeed(form, answer) {
  const [then, ok] = [form.dataset.then || "stay", form.dataset.ok];
  form.dispatchEvent(new CustomEvent("api:done", { bubbles: true, detail: answer }));
  if (then.startsWith("event:")) {
    document.dispatchEvent(new CustomEvent(then.slice(6), { detail: { answer, form } }));
    return;
  }
  if (then === "stay" || then === "close") {
    if (ok) toast(ok);
    settle(form);
    form.closest("dialog")?.close("done");
    return;
  }
  if (ok) sessionStorage.setItem("toast", ok);
  if (then === "reload") location.reload();
  else location.assign(filled(then, form, answer));
}

function settle(form) {
  for (const field of form.elements) {
    if (field.type === "password") field.value = "";
    else if (field.type === "checkbox" || field.type === "radio") field.defaultChecked = field.checked;
    else if (field.options) for (const each of field.options) each.defaultSelected = each.selected;
    else if ("defaultValue" in field) field.defaultValue = field.value;
  }
}

export function refuse(form, problem) {
  const placed = [];
  const rest = [];
  for (const each of problem.errors) {
    const field = nearest(form, each.field);
    if (field) placed.push([field, each.message]);
    else rest.push(each.message);
  }
  if (!placed.length && !rest.length) {
    const shown = form.dataset.errorAt && form.elements[form.dataset.errorAt];
    if (shown && problem.status >= 400 && problem.status < 429) placed.push([shown, sentence(problem)]);
    else rest.push(sentence(problem));
  }
  for (const [field, message] of placed) mark(field, message);
  if (rest.length || placed.length > 1) summarise(form, placed, rest, problem);
  else placed[0][0].focus();
  if (!document.title.startsWith(say("error"))) document.title = `${say("error")}: ${document.title}`;
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

const errorOf = (field) => document.getElementById(`${field.id}-error`) || field.closest(".field")?.querySelector(".error");

export function mark(field, message) {
  field.setAttribute("aria-invalid", "true");
  const place = errorOf(field);
  if (!place) return;
  place.querySelector("[data-text]").textContent = message;
  place.hidden = false;
}

export function clear(form) {
  for (const field of form.querySelectorAll("[aria-invalid=true]")) unmark(field);
  const summary = form.querySelector("[data-summary]");
  if (summary) summary.hidden = true;
  document.title = document.title.replace(`${say("error")}: `, "");
}

function unmark(field) {
  field.removeAttribute("aria-invalid");
  const place = errorOf(field);
  if (place) place.hidden = true;
}

function summarise(form, placed, rest, problem) {
  const summary = form.querySelector("[data-summary]");
  if (!summary) {
    toast(rest[0] || placed[0][1], { kind: "bad" });
    return;
  }
  const list = summary.querySelector("ul");
  list.replaceChildren(...rest.map((text) => line(text)), ...placed.map(([field, text]) => line(text, field)));
  summary.hidden = false;
  summary.focus();
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

export function start() {
  document.addEventListener("submit", submitted);
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-api]");
    if (form) form.dataset.dirty = "";
    if (event.target.getAttribute?.("aria-invalid") === "true") unmark(event.target);
  });
  const secret = new URLSearchParams(location.hash.slice(1));
  for (const field of document.querySelectorAll("[data-from-hash]")) field.value = secret.get(field.dataset.fromHash) || "";
  const kept = sessionStorage.getItem("toast");
  sessionStorage.removeItem("toast");
  if (kept) toast(kept);
}
