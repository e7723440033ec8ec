// Draws parts of a page anew: the server's page is read again and what it has under `data-part` takes their place.
// What was typed there and not sent yet stays, and so does the focus.
const keepers = ["data-grip", "data-move", "data-title-of", "data-add", "data-rename"];

export async function reloadParts(names, address = location.href) {
  const answer = await fetch(address, { headers: { Accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = names.map((name) => page.querySelector(`[data-part="${name}"]`));
  // Signed out, or gone meanwhile: the page itself says so.
  if (fresh.includes(null)) return location.assign(address);
  const where = focused();
  const { selectionStart: caret = null } = document.activeElement || {};
  const typed = names.flatMap((name) => [...document.querySelectorAll(`[data-part="${name}"] :is(input, textarea)[id]`)])
    .filter((field) => !["checkbox", "radio", "file", "hidden"].includes(field.type) && field.value !== field.defaultValue);
  names.forEach((name, place) => document.querySelector(`[data-part="${name}"]`)?.replaceWith(document.adoptNode(fresh[place])));
  for (const { id, value } of typed) {
    const field = document.getElementById(id);
    if (!field) continue;
    field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  document.dispatchEvent(new CustomEvent("parts-drawn"));
  const element = where && document.querySelector(where);
  if (!element || element === document.activeElement) return;
  element.focus();
  if (caret !== null && element.matches("input, textarea")) element.setSelectionRange(caret, caret);
}

function focused() {
  const element = document.activeElement;
  if (!element || element === document.body) return "";
  if (element.id) return `#${CSS.escape(element.id)}`;
  const item = element.closest("[data-item]");
  const what = keepers.find((name) => element.hasAttribute(name));
  return item && what ? `[data-item="${item.dataset.item}"] [${what}${what === "data-move" ? `=${element.dataset.move}` : ""}]` : "";
}
