// The focus of who uses keys: a page that is read anew because something was done gives it back to where that was done.
const KEPT = "focus";
let byKeys = false;
const textOf = (element) => element.textContent.replace(/\s+/g, " ").trim();
const isThere = (element) => element?.checkVisibility?.({ visibilityProperty: true });

// By its words, by its form, by its name in the page: what was done may have changed any of them.
function placeOf(element) {
  const dialog = element.closest("dialog[id]");
  const opener = dialog && document.querySelector(`[data-open="#${dialog.id}"]`);
  const at = buttonOf(opener) ?? element;
  const form = at.closest("form[data-api]");
  return {
    tag: at.localName, text: textOf(at), id: at.id,
    call: form?.dataset.api, number: form ? formsOf(form.dataset.api).indexOf(form) : 0,
  };
}

// What stands in a menu is gone with it: its button stays.
export const buttonOf = (element) => element?.closest(".menu-button, details.menu")?.querySelector("button, summary") ?? element;
const formsOf = (call) => [...document.querySelectorAll("form[data-api]")].filter((each) => each.dataset.api === call);

function find({ tag, text, id, call, number }) {
  const named = text ? [...document.querySelectorAll(tag)].filter((each) => textOf(each) === text) : [];
  return [...named, call && formsOf(call)[number]?.querySelector("[type=submit]"), id && document.getElementById(id)].find(isThere);
}

function heading() {
  const found = document.querySelector("main h1");
  found?.setAttribute("tabindex", "-1");
  return found;
}

export function reload() {
  const at = document.activeElement ?? document.body;
  if (byKeys) sessionStorage.setItem(KEPT, JSON.stringify({ path: location.pathname, place: placeOf(at) }));
  location.reload();
}

export function start() {
  addEventListener("keydown", () => { byKeys = true; }, true);
  addEventListener("pointerdown", () => { byKeys = false; }, true);
  const { path, place } = JSON.parse(sessionStorage.getItem(KEPT) || "{}");
  sessionStorage.removeItem(KEPT);
  if (path !== location.pathname) return;
  byKeys = true;
  (find(place) ?? heading())?.focus();
}
