// Files that become lessons and materials: sent from a row in their section, they survive a reload of the page.
import { call } from "../portal/api.js";
import { tellState } from "../portal/autosave.js";
import { sentence } from "../portal/refusals.js";
import { begin, keptAddress, rowOf, tooLarge } from "../portal/upload.js";
import { toast } from "../portal/ui.js";
import { redraw, root, sectionNow } from "./builder.js";

const ASK_AGAIN_MS = 1500;
const STORE = `builder:${root.dataset.builder}`;
const IS_VIDEO = /\.(mp4|m4v|mov|webm|mkv)$/i;
const rows = new Map();
const find = (selector) => document.querySelector(selector);

const kept = () => JSON.parse(localStorage.getItem(STORE) || "[]");
const keep = (entries) => localStorage.setItem(STORE, JSON.stringify(entries));
const isSame = (one, other) => one.name === other.name && one.size === other.size && one.lastModified === other.lastModified && one.section === other.section;
const renew = (entry, change) => keep(kept().map((each) => (isSame(each, entry) ? { ...each, ...change } : each)));
const forget = (entry) => keep(kept().filter((each) => !isSame(each, entry)));
const titleOf = (name) => name.replace(/\.[^.]+$/, "").slice(0, 255) || name;

// Two tabs of one course do not carry the same file.
const alone = (entry, work) => (navigator.locks ? navigator.locks.request(`${STORE}:${entry.section}:${entry.name}:${entry.size}`, { ifAvailable: true }, (lock) => lock && work()) : work());

function take(files, section) {
  for (const file of files) {
    const purpose = file.type.startsWith("video/") || IS_VIDEO.test(file.name) ? "video" : "file";
    const problem = tooLarge(file, root.dataset[purpose === "video" ? "mostVideo" : "mostFile"]);
    if (problem) {
      toast(problem, { kind: "bad" });
      continue;
    }
    const entry = { section, purpose, name: file.name, size: file.size, lastModified: file.lastModified };
    if ([...rows.values()].some((each) => isSame(each.entry, entry) && !each.lost)) continue;
    keep([...kept().filter((each) => !isSame(each, entry)), entry]);
    alone(entry, () => carry(entry, file));
  }
}

async function carry(entry, file) {
  const job = begin(file, entry.purpose);
  const row = rowOf(job, { cancelled: () => over(entry, row) });
  place(row, entry);
  const answer = await job.done.catch(() => null);
  if (!answer) return;
  renew(entry, { arrived: answer.id, address: job.address });
  await finish(entry, row, answer, job.address);
}

function place(row, entry, lost = false) {
  for (const [old, each] of rows) if (isSame(each.entry, entry)) { old.remove(); rows.delete(old); }
  rows.set(row, { entry, lost });
  find(`[data-arriving="${entry.section}"]`)?.append(row);
}

function over(entry, row) {
  forget(entry);
  row.remove();
  rows.delete(row);
}

// The file has come: what it is, is known once the server has looked at it.
async function finish(entry, row, file, address) {
  row.dataset.state = "done";
  row.say("looking");
  try {
    if (entry.purpose === "video") await lookedAt(address, file);
    const title = titleOf(entry.name);
    if (entry.replaces) await call("PATCH", `/api/v1/videos/${entry.replaces}`, { file_id: file.id });
    else if (entry.purpose === "video") await call("POST", `/api/v1/sections/${entry.section}/videos`, { title, video_type: "server_upload", file_id: file.id });
    else await call("POST", "/api/v1/materials", { course_id: root.dataset.builder, section_id: entry.section, title, file_id: file.id });
    over(entry, row);
    tellState("saved");
    await redraw();
  } catch (problem) {
    row.dataset.state = "failed";
    rows.set(row, { entry, lost: true });
    row.querySelector("[data-about]").textContent = problem.status === undefined ? problem.message : sentence(problem);
    // What a reload may mend is kept for it.
    if (problem.status !== 0 && !(problem.status >= 500)) forget(entry);
  }
}

async function lookedAt(address, file) {
  for (let state = file.processing; ; state = (await call("GET", address)).file.processing) {
    if (!state || state.status === "done" || (state.status === "running" && state.progress > 0)) return;
    if (state.status === "failed") throw new Error(state.problem);
    await new Promise((done) => setTimeout(done, ASK_AGAIN_MS));
  }
}

// After a reload: what has come goes on by itself, what has not needs its file again.
async function pickUp(entry) {
  const address = entry.address || keptAddress(entry.purpose, entry);
  let state = null;
  try {
    state = address && (await call("GET", address));
  } catch (problem) {
    // Asked again when the page is loaded the next time.
    if (problem.status === 0 || problem.status >= 500) return;
  }
  if (!state && entry.arrived && entry.purpose === "file") state = { received: entry.size, length: entry.size, file: { id: entry.arrived } };
  if (!state) return forget(entry);
  const job = { file: entry, purpose: entry.purpose, sent: state.received, total: state.length, state: "lost", address, cancel: () => call("DELETE", address).catch(() => {}) };
  const row = rowOf(job, { cancelled: () => over(entry, row) });
  place(row, entry, true);
  if (state.file) return finish(entry, row, state.file, address);
  const input = Object.assign(document.createElement("input"), { type: "file", hidden: true });
  const button = row.querySelector("[data-pause]").cloneNode(true);
  button.querySelector("span").textContent = row.words("choose");
  button.addEventListener("click", () => input.click());
  row.querySelector("[data-pause]").replaceWith(button, input);
  input.addEventListener("change", () => {
    const [file] = input.files;
    if (file.name !== entry.name || file.size !== entry.size || file.lastModified !== entry.lastModified) return row.say("other", { name: entry.name });
    alone(entry, () => carry(entry, file));
  });
}

// Files may be dropped anywhere in a section.
function dragged(event) {
  const section = event.target.closest?.("[data-kind=section]");
  for (const each of root.querySelectorAll("[data-over]")) if (each !== section || event.type !== "dragover") delete each.dataset.over;
  if (!section || !event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  if (event.type === "dragover") section.dataset.over = "";
  else if (event.type === "drop") take(event.dataTransfer.files, section.dataset.item);
}

document.addEventListener("upload:chosen", (event) => {
  event.preventDefault();
  const { replaces } = event.target.dataset;
  event.target.closest("dialog").close("done");
  if (replaces !== undefined) return replace(event.detail.files[0]);
  take(event.detail.files, sectionNow());
});

function replace(file) {
  const id = find("[data-chosen]").dataset.chosen.split(":")[1];
  const section = find(`[data-item="${id}"]`).closest("[data-kind=section]").dataset.item;
  const entry = { section, purpose: "video", replaces: id, name: file.name, size: file.size, lastModified: file.lastModified };
  keep([...kept().filter((each) => !isSame(each, entry)), entry]);
  alone(entry, () => carry(entry, file));
}

document.addEventListener("parts-drawn", () => {
  for (const [row, { entry }] of rows) find(`[data-arriving="${entry.section}"]`)?.append(row);
});
if (!("fixed" in root.dataset)) {
  for (const kind of ["dragover", "dragleave", "drop"]) root.addEventListener(kind, dragged);
  for (const entry of kept()) alone(entry, () => pickUp(entry));
}
