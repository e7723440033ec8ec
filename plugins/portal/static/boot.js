// Starts what all pages share, then the modules that the page and its parts name.
import { start as startForms } from "./forms.js";
import { start as startUi } from "./ui.js";

startUi();
startForms();
const named = [...document.querySelectorAll("[data-module]")].flatMap((each) => each.dataset.module.split(" "));
for (const module of new Set(named.filter(Boolean))) await import(module);
document.documentElement.dataset.ready = "";
if ("serviceWorker" in navigator) {
  const digest = new URL(import.meta.url).pathname.split("/")[2];
  navigator.serviceWorker.register(`/sw.js?v=${digest}`).catch(() => {});
}
