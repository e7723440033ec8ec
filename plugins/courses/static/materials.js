// Materials: asks for the address that opens one, and counts it by that; files are saved, links and readings open beside.
import { ApiProblem, call } from "../portal/api.js";
import { toast } from "../portal/ui.js";

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("[data-material]");
  if (!form) return;
  event.preventDefault();
  // Opened at the press: later the browser would take it for an advertisement.
  const beside = "here" in form.dataset ? null : window.open("", "_blank");
  try {
    const { url } = await call("GET", `/api/v1/materials/${form.dataset.material}/download`);
    if (beside) {
      beside.opener = null;
      beside.location.replace(url);
    } else location.assign(url);
  } catch (problem) {
    beside?.close();
    if (!(problem instanceof ApiProblem)) throw problem;
    toast(problem.message, { kind: "bad" });
  }
});
