// Filters on a phone: while their sheet is open it is the dialog that it looks like. Escape and its button close it, by the
// browser; here the focus goes in, stays in, and comes back to where it was opened.
const FIELDS = "a[href], button, input:not([type=hidden]), select, textarea";

function turned(sheet, opener, isOpen) {
  document.documentElement.style.overflow = isOpen ? "hidden" : "";
  opener.setAttribute("aria-expanded", String(isOpen));
  if (isOpen) {
    for (const [name, value] of [["role", "dialog"], ["aria-modal", "true"], ["aria-label", sheet.dataset.sheet]]) sheet.setAttribute(name, value);
    (sheet.querySelector("input:not([type=hidden]), select") ?? sheet.querySelector("button")).focus();
  } else {
    for (const name of ["role", "aria-modal", "aria-label"]) sheet.removeAttribute(name);
    opener.focus();
  }
}

function kept(sheet, event) {
  if (event.key !== "Tab" || !sheet.matches(":popover-open")) return;
  const all = [...sheet.querySelectorAll(FIELDS)].filter((each) => each.checkVisibility());
  const [from, to] = event.shiftKey ? [all[0], all.at(-1)] : [all.at(-1), all[0]];
  if (document.activeElement !== from) return;
  event.preventDefault();
  to.focus();
}

for (const sheet of document.querySelectorAll("[data-sheet]")) {
  const opener = document.querySelector(`[popovertarget="${sheet.id}"]:not([popovertargetaction])`);
  sheet.addEventListener("toggle", ({ newState }) => turned(sheet, opener, newState === "open"));
  sheet.addEventListener("keydown", (event) => kept(sheet, event));
}
