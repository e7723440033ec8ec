// The course builder: a part is chosen and changed in place, everything saves by itself, the order by one call.
import { call } from "../portal/api.js";
import { lengthsFit, saveAll, tellState } from "../portal/autosave.js";
import { mark, sentence } from "../portal/refusals.js";
import { reloadParts } from "../portal/parts.js";
import { restore, snapshot } from "../portal/reorder.js";
import { watch } from "../portal/tasks.js";
import { openDialog, toast } from "../portal/ui.js";
import { wordsOf } from "../portal/words.js";

const ORDER_AFTER_MS = 400;
const find = (selector) => document.querySelector(selector);
const root = find("[data-builder]");
const say = wordsOf(root);
let orderTimer = 0;
let orderBefore = null;
let ordering = null;
let section = "";

export { root, say };

const videoOf = (text) => /(?:youtu\.be\/|[?&]v=|\/(?:embed|shorts|live)\/)([\w-]{6,50})/.exec(text)?.[1] || text.trim();

// Before a form is sent: what people paste becomes what the API takes.
function submitting(event) {
  const form = event.target;
  const refused = (field, message) => { event.preventDefault(); event.stopImmediatePropagation(); mark(field, message); field.focus(); };
  const typedTitle = form.querySelector("[data-must-be]");
  if (typedTitle && typedTitle.value.trim() !== typedTitle.dataset.mustBe) return refused(typedTitle, say("type_title"));
  for (const field of form.querySelectorAll("[data-youtube]")) field.value = videoOf(field.value);
  if (!lengthsFit(form)) {
    event.preventDefault();
    return event.stopImmediatePropagation();
  }
  if (form.matches("[data-move-form]")) moveTo(form.elements.section.value);
  if (form.matches("[data-captions-form]")) {
    event.preventDefault();
    sendCaptions(form);
  }
}

// The chosen part stands in the address, so that reload, back and a shared link show it.
async function choose(address, { push = true } = {}) {
  await settled();
  if (push) history.pushState(null, "", address);
  await reloadParts(["tree", "inspector"], location.href);
  watchTasks();
  const shown = find("[data-chosen]");
  if (shown) find("#chosen-title").focus();
}

async function close() {
  const was = find("[data-chosen]")?.dataset.chosen.split(":")[1];
  await choose(location.pathname);
  find(`[data-item="${was}"] [data-title-of]`)?.focus();
}

export async function redraw(chosenIsGone = false) {
  await settled();
  if (chosenIsGone) history.pushState(null, "", location.pathname);
  await reloadParts(["tree", "inspector"]);
  watchTasks();
}

// Before anything is drawn anew: what was changed is sent, and nobody is moving or renaming a part.
async function settled() {
  await saveAll();
  if (orderBefore) {
    clearTimeout(orderTimer);
    ordering = sendOrder();
  }
  await ordering;
  while (root.querySelector("[data-lifted], [data-renaming]")) await new Promise((done) => setTimeout(done, 200));
}

function reordered({ detail: { before } }) {
  orderBefore ??= before;
  clearTimeout(orderTimer);
  orderTimer = setTimeout(() => { ordering = sendOrder(); }, ORDER_AFTER_MS);
  [...root.querySelectorAll("[data-kind=section]")].forEach((each, place) => {
    each.querySelector(".number").textContent = `${new Intl.NumberFormat(document.documentElement.lang).format(place + 1)}.`;
  });
}

async function sendOrder() {
  const before = orderBefore;
  orderBefore = null;
  const ids = (each, kind) => [...each.querySelectorAll(`[data-kind=${kind}]`)].map((item) => item.dataset.item);
  const sections = [...root.querySelectorAll("[data-kind=section]")].map((each) => ({ id: each.dataset.item, videos: ids(each, "video"), materials: ids(each, "material") }));
  tellState("saving");
  try {
    await call("PUT", `/api/v1/courses/${root.dataset.builder}/order`, { sections });
    tellState("saved");
    if (!root.querySelector("[data-lifted], [data-renaming]") && !orderBefore) await reloadParts(["tree"]);
  } catch (problem) {
    restore(before);
    const reason = problem.status === 409 ? say("stale") : sentence(problem);
    tellState("not_saved", { reason });
    toast(reason, { kind: "bad" });
    if (problem.status === 409) await reloadParts(["tree", "inspector"]);
  }
}

function moveTo(id) {
  const tree = find("[data-part=tree]");
  const item = find(`[data-item="${find("#move-to").dataset.item}"]`);
  const before = snapshot(tree);
  const list = tree.querySelector(`[data-item="${id}"] [data-list="${item.parentElement.dataset.list}"]`);
  if (list === item.parentElement) return;
  list.append(item);
  reordered({ detail: { before } });
}

// Another name, in place: Enter goes on to the next one, Escape leaves it as it was.
function rename(item) {
  const link = item.querySelector(":scope > [data-title-of], :scope > header [data-title-of]");
  const input = document.createElement("input");
  Object.assign(input, { className: "input", value: item.dataset.title, maxLength: 255, dir: "auto" });
  input.setAttribute("aria-label", item.dataset.title);
  link.hidden = true;
  item.dataset.renaming = "";
  link.after(input);
  input.select();
  let over = false;
  const leave = async (saves, next = null) => {
    if (over) return;
    over = true;
    const title = input.value.trim();
    input.remove();
    delete item.dataset.renaming;
    link.hidden = false;
    link.focus();
    if (next) rename(next);
    if (saves && title && title !== item.dataset.title) await setTitle(item, title);
  };
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") leave(false);
    if (event.key === "Enter") leave(true, item.nextElementSibling);
  });
  input.addEventListener("blur", () => leave(true));
}

async function setTitle(item, title) {
  tellState("saving");
  try {
    await call("PATCH", `/api/v1/${item.dataset.kind}s/${item.dataset.item}`, { title });
    item.dataset.title = title;
    item.querySelector("[data-title-of]").textContent = title;
    tellState("saved");
    if (find("[data-chosen]")?.dataset.chosen === `${item.dataset.kind}:${item.dataset.item}`) await reloadParts(["inspector"]);
  } catch (problem) {
    tellState("not_saved", { reason: sentence(problem) }, () => setTitle(item, title));
  }
}

function askToDelete(button) {
  const dialog = find("#delete-part");
  const item = button.closest("[data-item]");
  dialog.querySelector("form").dataset.api = `DELETE ${button.dataset.delete}`;
  dialog.querySelector("[data-deleted-title]").textContent = item.dataset.title;
  dialog.querySelector("[data-of-section]").hidden = item.dataset.kind !== "section";
  dialog.querySelector("[data-of-part]").hidden = item.dataset.kind === "section";
  openDialog(dialog);
}

function add(button) {
  ({ section } = button.dataset);
  const dialog = find(`#add-${button.dataset.add}`);
  for (const form of dialog.querySelectorAll("[data-in-section]")) form.dataset.api = `POST ${form.dataset.inSection.replace("{section}", section)}`;
  const place = dialog.querySelector("input[name=section_id]");
  if (place) place.value = section;
  openDialog(dialog);
}

async function made({ detail: { answer, form } }) {
  form.closest("dialog")?.close("done");
  form.reset();
  tellState("saved");
  await redraw();
  const isSection = "addSection" in form.dataset;
  find(isSection ? "#new-section" : `[data-item="${answer.id}"] [data-title-of]`)?.focus();
}

async function gone({ detail: { form } }) {
  form.closest("dialog").close("done");
  form.reset();
  toast(say("deleted"));
  const id = form.dataset.api.split("/").pop();
  await redraw(Boolean(find(`[data-chosen$="${id}"]`)));
}

async function sendCaptions(form) {
  const [file] = form.elements.captions.files;
  const video = find("[data-chosen]").dataset.chosen.split(":")[1];
  if (!file) return mark(form.elements.captions, form.querySelector("#captions-file-hint").textContent);
  const type = /\.srt$/i.test(file.name) ? "application/x-subrip" : "text/vtt";
  const answer = await fetch(`/api/v1/videos/${video}/captions/${form.elements.language.value}`, { method: "PUT", headers: { "Content-Type": type }, body: await file.text() });
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    return mark(form.elements.captions, problem.errors?.[0]?.message || problem.detail || problem.title || String(answer.status));
  }
  form.closest("dialog").close("done");
  form.reset();
  await redraw();
}

async function removeCaptions(button) {
  try {
    await call("DELETE", button.dataset.noCaptions);
    await redraw();
  } catch (problem) {
    toast(sentence(problem), { kind: "bad" });
  }
}

// Videos that are being made ready: each is asked for until it is at its end.
const watched = new Set();
function watchTasks() {
  for (const badge of root.querySelectorAll("[data-task]")) {
    const { task } = badge.dataset;
    if (task && !watched.has(task)) follow(task);
  }
}

async function follow(task) {
  watched.add(task);
  await watch(task, ({ progress }) => {
    const badge = root.querySelector(`[data-task="${task}"]`);
    if (badge && progress.total) badge.textContent = say("processing", { percent: Math.round((100 * progress.done) / progress.total) });
  }).catch(() => {});
  if (root.querySelector(`[data-task="${task}"]`)) await redraw();
  watched.delete(task);
}

function clicked(event) {
  const at = (selector) => event.target.closest?.(selector);
  const link = !event.ctrlKey && !event.metaKey && !event.shiftKey && at("a[href^='?']");
  if (link && root.contains(link)) {
    event.preventDefault();
    return void ("closePart" in link.dataset ? close() : choose(link.getAttribute("href")));
  }
  const [adder, deleter, renamer, mover, captions] = ["[data-add]", "[data-delete]", "[data-rename]", "[data-move-to]", "[data-no-captions]"].map(at);
  if (deleter || renamer || mover) at("details").open = false;
  if (adder) add(adder);
  if (deleter) askToDelete(deleter);
  if (renamer) rename(renamer.closest("[data-item]"));
  if (captions) removeCaptions(captions);
  if (mover) {
    find("#move-to").dataset.item = mover.closest("[data-item]").dataset.item;
    openDialog(find("#move-to"));
  }
}

export const sectionNow = () => section;

document.addEventListener("click", clicked);
document.addEventListener("submit", submitting, { capture: true });
document.addEventListener("part-made", made);
document.addEventListener("part-gone", gone);
root.addEventListener("reordered", reordered);
addEventListener("popstate", () => choose("", { push: false }));
root.addEventListener("autosaved", async () => {
  await settled();
  await reloadParts(["tree"]);
});
addEventListener("beforeunload", (event) => { if (orderBefore) event.preventDefault(); });
watchTasks();
