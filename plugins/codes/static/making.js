// New codes: which fields count, the sum in words before the press, the card as it will look, many by a task.
import { call } from "../portal/api.js";

const MANY = 1000;
const locale = `${document.documentElement.lang}-u-nu-latn`;
const plural = new Intl.PluralRules(document.documentElement.lang);
const form = document.querySelector("form[data-making]");
const words = JSON.parse(form.dataset.words);
const { elements } = form;
const course = form.querySelector("[name=course_id]");
const chosen = (name) => document.querySelector(`[name=${name}]:checked`).value;
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
const some = (forms, count) => fill(forms[plural.select(count)] || forms.other, { count: new Intl.NumberFormat(locale).format(count) });
const written = (name, value) => words.card[name].replace("{}", value);
const day = (text) => new Intl.DateTimeFormat(locale, { dateStyle: "medium" }).format(new Date(`${text}T12:00`));
let lessonsOf = "";

function use(field, isUsed) {
  field.disabled = !isUsed;
  const part = field.closest("[data-lesson], [data-uses]");
  if (part) part.hidden = !isUsed;
}

function title() {
  if (chosen("target") === "lesson") return elements.video_id.selectedOptions[0]?.textContent || "";
  return form.querySelector("[role=combobox]").value;
}

function sum() {
  const count = Number(elements.count.value) || 0;
  const uses = Number(elements.max_uses.value) || 0;
  const kind = chosen("type");
  const parts = [some(words.codes, count)];
  if (kind === "unlimited") parts.push(words.endless);
  else if (kind === "single_use" || uses) parts.push(some(words.uses, kind === "single_use" ? 1 : uses));
  parts.push(elements.expires_at.value ? fill(words.until, { date: day(elements.expires_at.value) }) : words.no_end);
  if (elements.access_days.value) parts.push(some(words.days, Number(elements.access_days.value)));
  document.querySelector("[data-sum]").textContent = parts.join(" · ");
  const note = [elements.expires_at.value && written("until", `\u200e${elements.expires_at.value}`),
    kind === "single_use" ? words.card.once : kind === "multi_use" && uses && written("uses", uses),
    elements.access_days.value && written("access_days", elements.access_days.value)].filter(Boolean);
  for (const each of document.querySelectorAll("[data-card-title]")) each.textContent = title() || "…";
  for (const each of document.querySelectorAll("[data-card-note]")) each.textContent = note.join(words.card.between);
  const isMany = count > MANY;
  form.dataset.api = isMany ? "POST /api/v1/access-codes/batches" : "POST /api/v1/access-codes/generate";
  form.dataset.then = `${form.dataset.base}/batches/{batch_id}${isMany ? "?task={task_id}" : ""}`;
}

async function lessons() {
  const { value } = course;
  if (chosen("target") !== "lesson" || !value || value === lessonsOf) return;
  lessonsOf = value;
  const { items } = await call("GET", `/api/v1/courses/${value}/videos?limit=100`);
  if (value !== lessonsOf) return;
  const options = items.map((each) => new Option(each.title, each.id));
  elements.video_id.replaceChildren(...(options.length ? options : [new Option(words.no_lesson, "")]));
  sum();
}

function changed() {
  const isLesson = chosen("target") === "lesson";
  use(elements.video_id, isLesson);
  course.disabled = isLesson;
  use(elements.max_uses, chosen("type") === "multi_use");
  sum();
  lessons();
}

for (const kind of ["input", "change"]) document.addEventListener(kind, changed);
changed();
