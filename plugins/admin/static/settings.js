// Settings: colours chosen by eye or typed, seen at once in the preview; new entries named as they are typed.
import { toast } from "../portal/ui.js";
import { wordsOf } from "../portal/words.js";

const preview = document.querySelector("[data-preview]");

function show(name, colour) {
  if (!preview || !/^#[0-9a-f]{6}$/.test(colour)) return;
  for (const look of preview.querySelectorAll("[data-theme]")) {
    const isDark = look.dataset.theme === "dark";
    const tone = (lightness, most) => `oklch(from ${colour} ${lightness}% min(c, ${most}) h)`;
    if (name === "primary_colour") look.style.setProperty("--brand", tone(isDark ? 78 : 46, isDark ? 0.1 : 0.13));
    if (name === "accent_colour") look.style.setProperty("--accent", tone(isDark ? 80 : 78, 0.15));
  }
}

for (const swatch of document.querySelectorAll("[data-colour-of]")) {
  const text = document.getElementById(swatch.dataset.colourOf);
  swatch.addEventListener("input", () => {
    text.value = swatch.value;
    show(text.dataset.colour, swatch.value);
  });
  text.addEventListener("input", () => {
    if (/^#[0-9a-f]{6}$/.test(text.value)) swatch.value = text.value;
    show(text.dataset.colour, text.value);
  });
}

for (const form of document.querySelectorAll("[data-new-entry]")) {
  const prefix = `${form.dataset.newEntry}.`;
  const fields = [...form.elements].filter((each) => each.name.startsWith(`${prefix}*.`));
  // Sent also where nothing else is: then the API says what a new entry needs.
  fields[0].dataset.always = "";
  const paths = fields.map((each) => each.name.slice(prefix.length + 2));
  form.querySelector("[data-entry-name]").addEventListener("input", (event) => {
    const name = event.target.value.trim() || "*";
    fields.forEach((each, index) => { each.name = `${prefix}${name}.${paths[index]}`; });
  });
}

// A picture becomes the school's by its address alone, once that is saved.
for (const input of document.querySelectorAll("[data-picture-of]")) {
  input.addEventListener("change", async () => {
    const [form, field, say] = [new FormData(), document.getElementById(input.dataset.pictureOf), wordsOf(input)];
    form.append("file", input.files[0]);
    const answer = await fetch("/api/v1/upload/image", { method: "POST", body: form }).catch(() => null);
    const body = await answer?.json().catch(() => null);
    input.value = "";
    if (!answer?.ok) return toast(body?.detail || say("failed"), { kind: "bad" });
    field.value = `/logo/${body.id}`;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    return toast(say("done"));
  });
}
