// Courses as archives: packed by a task that is followed to its end, and made of one that was uploaded.
import { call } from "../portal/api.js";
import { sentence } from "../portal/refusals.js";
import { toast } from "../portal/ui.js";
import { wordsOf } from "../portal/words.js";

const ASK_AGAIN_MS = 1500;
const say = wordsOf(document.querySelector("[data-archives]"));

// Returns what a task has made; its refusal is thrown in its own words.
export async function resultOf(id) {
  for (;;) {
    const task = await call("GET", `/api/v1/tasks/${id}`);
    if (task.status === "done") return task.result;
    if (task.status === "failed") throw new Error(task.error);
    await new Promise((done) => setTimeout(done, ASK_AGAIN_MS));
  }
}

async function packed({ detail: { answer } }) {
  toast(say("packing"));
  try {
    const { url } = await resultOf(answer.task_id);
    toast(say("packed"), { action: say("download"), run: () => location.assign(url) });
  } catch (problem) {
    toast(say("refused", { reason: problem.status === undefined ? problem.message : sentence(problem) }), { kind: "bad" });
  }
}

async function uploaded({ detail: { file, row } }) {
  row.querySelector("[data-about]").textContent = say("unpacking");
  try {
    const { task_id: task } = await call("POST", "/api/v1/courses/import", { file_id: file.id });
    const { course_id: course } = await resultOf(task);
    location.assign(`/teach/courses/${course}/curriculum`);
  } catch (problem) {
    row.dataset.state = "failed";
    row.querySelector("[data-about]").textContent = say("refused", { reason: problem.status === undefined ? problem.message : sentence(problem) });
  }
}

document.addEventListener("course-packed", packed);
document.addEventListener("upload:done", uploaded);
