// Forms that save by themselves: <form data-api="PATCH ..." data-autosave="800">, so long after the last key; a switch at once.
// `[data-saved]` tells how it stands, in its own `data-words`; the form says "autosaved" when the API has taken it.
import { call } from "./api.js";
import { clear, valuesOf } from "./forms.js";
import { mark, refuse, sentence } from "./refusals.js";
import { wordsOf } from "./words.js";

const timers = new Map();
const saving = new Map();

export function tellState(what, values = {}, again = null) {
  const state = document.querySelector("[data-saved]");
  const time = new Intl.DateTimeFormat(document.documentElement.lang, { hour: "numeric", minute: "2-digit" }).format(new Date());
  const say = wordsOf(state);
  state.textContent = say(what, { time, ...values });
  if (!again) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "link";
  button.textContent = say("again");
  button.addEventListener("click", again);
  state.append(" ", button);
}

export const isSaving = () => timers.size + saving.size > 0;
export const saveAll = () => Promise.all([...timers.keys(), ...saving.keys()].map(save));

// A length that is none, such as "6" for "6:12": told before anything is sent.
export function lengthsFit(form) {
  const wrong = [...form.querySelectorAll("[data-type=length]")].find((field) => typeof valuesOf(form)[field.name] !== "number");
  if (wrong) mark(wrong, document.getElementById(`${wrong.id}-hint`).textContent);
  return !wrong;
}

export async function save(form) {
  clearTimeout(timers.get(form));
  timers.delete(form);
  if (saving.has(form)) {
    await saving.get(form);
    return save(form);
  }
  const body = valuesOf(form, { changedOnly: true });
  if (!Object.keys(body).length || !lengthsFit(form)) return;
  const sent = [...form.elements].filter((field) => field.name in body).map((field) => [field, field.type === "checkbox" ? field.checked : field.value]);
  const work = send(form, body, sent).finally(() => saving.delete(form));
  saving.set(form, work);
  await work;
}

async function send(form, body, sent) {
  tellState("saving");
  clear(form);
  try {
    await call("PATCH", form.dataset.api.split(" ")[1], body);
  } catch (problem) {
    tellState("not_saved", { reason: sentence(problem) }, () => save(form));
    if (problem.errors?.length) refuse(form, problem);
    return;
  }
  // What was typed meanwhile is still to be sent.
  for (const [field, value] of sent) {
    if (field.type === "checkbox") field.defaultChecked = value;
    else if (field.options) for (const each of field.options) each.defaultSelected = each.value === value;
    else field.defaultValue = value;
  }
  delete form.dataset.dirty;
  tellState("saved");
  form.dispatchEvent(new CustomEvent("form:settled", { bubbles: true }));
  form.dispatchEvent(new CustomEvent("autosaved", { bubbles: true, detail: body }));
}

document.addEventListener("input", (event) => {
  const form = event.target.closest?.("form[data-autosave]");
  if (!form) return;
  clearTimeout(timers.get(form));
  timers.set(form, setTimeout(() => save(form), event.target.type === "checkbox" ? 0 : Number(form.dataset.autosave)));
});
document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-autosave]")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  save(event.target);
}, { capture: true });
addEventListener("beforeunload", (event) => {
  if (!isSaving()) return;
  saveAll();
  event.preventDefault();
});
