// <form data-poll>: where the answer names a task, it is followed to its end; its result then counts as the answer.
// A <progress data-task> and an element with data-task-state in the form show how far it is.
import { ApiProblem, call } from "./api.js";
import { say } from "./words.js";

const WAITS_MS = [500, 1000, 1000, 2000, 2000, 3000];

export async function watch(taskId, tell = () => {}) {
  for (let tries = 0; ; tries += 1) {
    const task = await call("GET", `/api/v1/tasks/${taskId}`);
    tell(task);
    if (task.status === "done") return task;
    if (task.status === "failed") throw new ApiProblem(409, { detail: task.error }, 0);
    await new Promise((done) => setTimeout(done, WAITS_MS[Math.min(tries, WAITS_MS.length - 1)]));
  }
}

export async function follow(form, taskId) {
  const bar = form.querySelector("progress[data-task]");
  const state = form.querySelector("[data-task-state]");
  const task = await watch(taskId, ({ progress }) => {
    const part = progress.total ? progress.done / progress.total : 0;
    if (bar) [bar.hidden, bar.value] = [false, part];
    const percent = new Intl.NumberFormat(document.documentElement.lang, { style: "percent" }).format(part);
    if (state) state.textContent = say("task_wait", { percent });
  });
  return { task_id: taskId, ...task.result };
}
