// The reviewer's notes at their places: gathered into the form that sends a course back, kept until it is sent.

const noteOf = (place) => ({ target: place.dataset.note, text: place.querySelector("textarea").value.trim() });
const page = document.querySelector("[data-review]");
const field = page?.querySelector("input[name=notes]");

function start() {
  const places = [...page.querySelectorAll("[data-note]")];
  const reason = page.querySelector("textarea[name=reason]");
  const key = `review:${page.dataset.review}`;
  restore(key, places, reason);
  const gather = () => {
    const notes = places.map(noteOf).filter((note) => note.text);
    field.value = JSON.stringify(notes);
    page.querySelector("[data-note-count]").textContent = String(notes.length);
    for (const place of places) place.toggleAttribute("data-written", Boolean(noteOf(place).text));
    sessionStorage.setItem(key, JSON.stringify({ reason: reason.value, notes }));
  };
  page.addEventListener("input", gather);
  page.addEventListener("toggle", opened, true);
  field.form.addEventListener("api:done", () => sessionStorage.removeItem(key));
  gather();
}

function opened(event) {
  const place = event.target;
  if (!place.matches?.("[data-note][open]")) return;
  if ("kept" in place.dataset) delete place.dataset.kept;
  else place.querySelector("textarea").focus();
}

function restore(key, places, reason) {
  const kept = JSON.parse(sessionStorage.getItem(key) || "null");
  if (!kept) return;
  if (!reason.value) reason.value = kept.reason;
  for (const { target, text } of kept.notes) {
    const place = places.find((each) => each.dataset.note === target);
    if (!place) continue;
    place.querySelector("textarea").value = text;
    place.dataset.kept = "";
    place.open = true;
  }
}

if (field) start();
