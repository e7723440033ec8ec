// Courses as archives: packed by a task that is followed to its end, and made of one that was uploaded.
import { call } from "../portal/api.js";
import { sentence } from "../portal/refusals.js";
import { watch } from "../portal/tasks.js";
import { toast } from "../portal/ui.js";
import { wordsOf } from "../portal/words.js";

const say = wordsOf(document.querySelector("[data-archives]"));

async function packed({ detail: { answer } }) {
  toast(say("packing"));
  try {
    const { url } = (await watch(answer.task_id)).result;
    toast(say("packed"), { action: say("download"), run: () => location.assign(url) });
  } catch (problem) {
    toast(say("refused", { reason: sentence(problem) }), { kind: "bad" });
  }
}

async function uploaded({ detail: { file, row } }) {
  row.querySelector("[data-about]").textContent = say("unpacking");
  try {
    const { task_id: task } = await call("POST", "/api/v1/courses/import", { file_id: file.id });
    const { course_id: course } = (await watch(task)).result;
    location.assign(`/teach/courses/${course}/curriculum`);
  } catch (problem) {
    row.dataset.state = "failed";
    row.querySelector("[data-about]").textContent = say("refused", { reason: sentence(problem) });
  }
}

document.addEventListener("course-packed", packed);
document.addEventListener("upload:done", uploaded);
