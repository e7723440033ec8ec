// The only script tag of a page: what all pages share, then the modules that this one names.
import { start as startForms } from "./forms.js";
import { start as startUi } from "./ui.js";

startUi();
startForms();
for (const module of (document.body.dataset.module || "").split(" ").filter(Boolean)) await import(module);
document.documentElement.dataset.ready = "";
if ("serviceWorker" in navigator) {
  const digest = new URL(import.meta.url).pathname.split("/")[2];
  navigator.serviceWorker.register(`/sw.js?v=${digest}`).catch(() => {});
}
