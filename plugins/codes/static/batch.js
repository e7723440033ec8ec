// Batches and codes: copying, switching off with what is lost, following the task that makes codes, printing.
import { ApiProblem, call } from "../portal/api.js";
import { openDialog, toast } from "../portal/ui.js";
import { say } from "../portal/words.js";

const LOOK_EVERY_MS = 1000;

async function copy(text, told) {
  try {
    await navigator.clipboard.writeText(text);
    toast(told || say("copied"));
  } catch {
    toast(say("not_copied"), { kind: "bad" });
  }
}

async function copyAll(button) {
  const table = await (await fetch(button.dataset.copyAll)).text();
  const codes = table.trim().split(/\r?\n/).slice(1).map((line) => line.split(",")[0]).filter(Boolean);
  await copy(codes.join("\n"), codes.length === Number(button.dataset.count) ? button.dataset.copied : "");
}

function askToSwitchOff(button) {
  const dialog = document.querySelector("#switch-off");
  dialog.querySelector("[data-code]").textContent = button.dataset.code;
  dialog.querySelector("[data-lost]").textContent = button.dataset.lost;
  dialog.querySelector("form").dataset.api = `DELETE /api/v1/access-codes/${button.dataset.switchOff}`;
  openDialog(dialog);
}

function tellLost() {
  const text = document.querySelector("#chosen-text");
  if (!text) return;
  const left = [...document.querySelectorAll("tr:has([data-pick]:checked) [data-switch-off]")].map((each) => each.dataset.left);
  const count = left.includes("") ? text.dataset.endless : left.reduce((sum, each) => sum + Number(each), 0);
  text.textContent = text.dataset.sentence.replace("{count}", count);
}

async function follow(place) {
  const progress = place.querySelector("progress");
  for (;;) {
    await new Promise((done) => setTimeout(done, LOOK_EVERY_MS));
    let task;
    try {
      task = await call("GET", `/api/v1/tasks/${place.dataset.task}`);
    } catch (problem) {
      if (problem instanceof ApiProblem && problem.status === 429) continue;
      return;
    }
    if (task.progress.total) progress.value = task.progress.done;
    if (task.status === "done" || task.status === "failed") break;
  }
  location.replace(location.pathname);
}

document.addEventListener("click", (event) => {
  const at = (name) => event.target.closest(`[${name}]`);
  const [all, one, off] = [at("data-copy-all"), at("data-copy-text"), at("data-switch-off")];
  if (all) copyAll(all);
  if (one) copy(one.dataset.copyText);
  if (off) askToSwitchOff(off);
  if (at("data-run")) tellLost();
}, true);
for (const input of document.querySelectorAll("[data-instant]")) {
  if (!input.dataset.instant) continue;
  const at = new Date(input.dataset.instant);
  input.defaultValue = new Date(at - at.getTimezoneOffset() * 60e3).toISOString().slice(0, 16);
}
const making = document.querySelector("[data-task]");
if (making?.dataset.task) follow(making);
