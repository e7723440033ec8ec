// The catalogue's filters: what is chosen is applied at once and only what differs is put in place, so that the focus
// stays. On a phone they stand in a dialog; without this module they are a form with a button.
const form = document.querySelector("form[data-choices]");
const column = document.querySelector("[data-facets]");
const dialog = document.querySelector("dialog#facets");
const DELAY_MS = 300;
let timer;
let running;

function address() {
  const chosen = [...new FormData(form)].filter(([, value]) => value);
  return `${form.getAttribute("action")}${chosen.length ? "?" : ""}${new URLSearchParams(chosen)}`;
}

async function apply() {
  clearTimeout(timer);
  running?.abort();
  running = new AbortController();
  const where = address();
  try {
    const answer = await fetch(where, { headers: { Accept: "text/html" }, signal: running.signal });
    if (!answer.ok || answer.redirected) throw new Error(answer.statusText);
    put(new DOMParser().parseFromString(await answer.text(), "text/html"));
    history.pushState(null, "", where);
  } catch (error) {
    // The browser itself goes there, and shows what is wrong.
    if (error.name !== "AbortError") location.assign(where);
  }
}

function put(page) {
  for (const part of document.querySelectorAll("[data-part]")) {
    const fresh = page.querySelector(`[data-part="${CSS.escape(part.dataset.part)}"]`);
    if (!fresh) continue;
    part.toggleAttribute("data-none", fresh.hasAttribute("data-none"));
    part.replaceChildren(...[...fresh.childNodes].map((each) => document.importNode(each, true)));
  }
}

function open() {
  dialog.querySelector("[data-place]").append(form);
  dialog.showModal();
}

if (form) {
  form.addEventListener("change", () => {
    clearTimeout(timer);
    timer = setTimeout(apply, DELAY_MS);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    apply().then(() => dialog.close());
  });
  document.querySelector("[data-filter]").addEventListener("click", open);
  dialog.addEventListener("close", () => column.append(form));
  addEventListener("popstate", () => location.reload());
}
