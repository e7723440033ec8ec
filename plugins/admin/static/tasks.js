// What is under way is looked at again as long as something is, and somebody looks.
import { reloadParts } from "../portal/parts.js";

const EVERY_MS = 3000;

setInterval(() => {
  if (document.visibilityState === "visible" && document.querySelector("[data-under-way]")) reloadParts(["tasks"]);
}, EVERY_MS);
