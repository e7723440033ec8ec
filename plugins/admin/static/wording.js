// A mail's words: names inserted where the cursor is, and the mail as it would look.
import { ApiProblem, call } from "../portal/api.js";
import { openDialog, toast } from "../portal/ui.js";

const form = document.querySelector("[data-wording]");
let field = form.elements.body;
form.addEventListener("focusin", (event) => { if (event.target.name) field = event.target; });

for (const button of document.querySelectorAll("[data-insert]")) {
  button.addEventListener("click", () => {
    field.setRangeText(button.dataset.insert, field.selectionStart, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  });
}

function paragraph(line) {
  const shown = document.createElement("p");
  const isLink = /^https?:\/\/\S+$/.test(line.trim());
  const text = document.createElement(isLink ? "span" : "bdi");
  if (isLink) text.className = "button primary";
  text.textContent = line;
  shown.append(text);
  return shown;
}

document.querySelector("[data-show-mail]").addEventListener("click", async () => {
  const [method, path] = form.dataset.wording.split(" ");
  try {
    const mail = await call(method, path, { subject: form.elements.subject.value, body: form.elements.body.value });
    const head = paragraph("");
    head.append(Object.assign(document.createElement("strong"), { textContent: mail.subject }));
    document.querySelector("[data-mail]").replaceChildren(head, ...mail.text.split("\n").map(paragraph));
    openDialog(document.querySelector("#mail"));
  } catch (problem) {
    if (!(problem instanceof ApiProblem)) throw problem;
    toast(problem.errors[0]?.message || problem.message, { kind: "bad" });
  }
});
