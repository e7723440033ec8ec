// Combobox with list autocomplete, of one or many: what is typed is looked for in a list or asked of the API.
import { call } from "./api.js";

const WAIT_MS = 200;
const MOST = 20;

class Combobox {
  constructor(field) {
    this.field = field;
    this.input = field.querySelector("[role=combobox]");
    this.list = field.querySelector("[role=listbox]");
    this.value = field.querySelector("[data-value]");
    this.chosen = field.querySelector("[data-chosen]");
    this.words = JSON.parse(field.dataset.words);
    this.options = [...field.querySelectorAll("datalist option")].map((each) => ({ value: each.value, text: each.textContent }));
    this.asked = 0;
    this.at = -1;
    this.shown = this.input.value;
    for (const chip of this.chosen?.children || []) this.addRemover(chip);
    this.input.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.look(), this.options.length ? 0 : WAIT_MS);
    });
    this.input.addEventListener("keydown", (event) => this.pressed(event));
    this.input.addEventListener("click", () => this.list.hidden && this.look(""));
    this.input.addEventListener("blur", () => this.leave());
    this.list.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      const option = event.target.closest("[role=option]");
      if (option) this.choose(this.found[[...this.list.children].indexOf(option)]);
    });
  }

  say(name, values = {}) {
    return this.words[name].replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
  }

  async look(words = this.input.value.trim()) {
    const mine = ++this.asked;
    let found;
    try {
      found = this.options.length ? this.matching(words) : await this.fetched(words, mine);
    } catch {
      if (mine === this.asked) this.show([], "failed");
      return;
    }
    if (mine === this.asked) this.show(found, found.length ? "some" : "none");
  }

  matching(words) {
    const wanted = words.toLocaleLowerCase();
    return this.options.filter((each) => each.text.toLocaleLowerCase().includes(wanted)).slice(0, 100);
  }

  async fetched(words, mine) {
    const slow = setTimeout(() => mine === this.asked && this.show([], "wait"), 300);
    const { source, key, text, about } = this.field.dataset;
    const address = new URL(source.replace("{q}", encodeURIComponent(words)), location.origin);
    if (!words) for (const [name, value] of [...address.searchParams]) if (!value) address.searchParams.delete(name);
    try {
      const answer = await call("GET", address.pathname + address.search);
      const read = (item, path) => path.split(" ").map((part) => part.split(".").reduce((at, name) => at?.[name], item) ?? "").join(" ");
      return answer.items.slice(0, MOST).map((item) => ({ value: read(item, key), text: read(item, text), about: about && read(item, about) }));
    } finally {
      clearTimeout(slow);
    }
  }

  show(found, word) {
    const taken = new Set(this.taken());
    this.found = found.filter((each) => !taken.has(each.value));
    const lines = this.found.map((each, index) => {
      const line = document.createElement("li");
      line.id = `${this.input.id}-${index}`;
      line.setAttribute("role", "option");
      line.dir = "auto";
      line.textContent = each.text;
      if (each.about) line.append(Object.assign(document.createElement("small"), { textContent: each.about }));
      return line;
    });
    if (!lines.length) lines.push(Object.assign(document.createElement("li"), { className: "none", textContent: this.say(word === "some" ? "none" : word) }));
    if (!this.found.length) lines[0].setAttribute("role", "presentation");
    this.list.replaceChildren(...lines);
    this.field.querySelector("[data-said]").textContent = this.say(word, { count: this.found.length });
    this.open(document.activeElement === this.input);
    this.mark(-1);
  }

  taken() {
    return this.chosen ? [...this.chosen.querySelectorAll("input")].map((each) => each.value) : [];
  }

  open(isOpen) {
    this.list.hidden = !isOpen;
    this.input.setAttribute("aria-expanded", String(isOpen));
    if (!isOpen) this.mark(-1);
  }

  mark(at) {
    this.at = at;
    [...this.list.children].forEach((line, index) => this.found?.length && line.setAttribute("aria-selected", String(index === at)));
    const line = this.found?.length ? this.list.children[at] : null;
    if (line) this.input.setAttribute("aria-activedescendant", line.id);
    else this.input.removeAttribute("aria-activedescendant");
    line?.scrollIntoView({ block: "nearest" });
  }

  pressed(event) {
    const { key } = event;
    const isOpen = !this.list.hidden;
    const count = this.found?.length || 0;
    if (key === "ArrowDown" || key === "ArrowUp") {
      event.preventDefault();
      clearTimeout(this.timer);
      if (!isOpen) this.look(this.input.value === this.shown ? "" : undefined).then(() => this.found?.length && this.mark(0));
      else if (count) this.mark((this.at + (key === "ArrowDown" ? 1 : this.at < 0 ? 0 : -1) + count) % count);
    } else if (key === "Enter" && isOpen) {
      event.preventDefault();
      if (this.at >= 0) this.choose(this.found[this.at]);
    } else if (key === "Escape" && isOpen) {
      event.preventDefault();
      event.stopPropagation();
      this.open(false);
    } else if (key === "Backspace" && this.chosen && !this.input.value) this.remove(this.chosen.lastElementChild);
  }

  choose({ value, text }) {
    if (this.chosen) {
      const chip = document.createElement("li");
      chip.className = "chip";
      const kept = Object.assign(document.createElement("input"), { type: "hidden", name: this.field.dataset.name, value });
      kept.dataset.always = "";
      chip.append(Object.assign(document.createElement("bdi"), { textContent: text }), kept);
      this.addRemover(chip);
      this.chosen.append(chip);
      this.input.value = "";
    } else {
      this.value.value = value;
      this.input.value = text;
      this.shown = text;
    }
    this.open(false);
    this.changed();
  }

  addRemover(chip) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "×";
    button.setAttribute("aria-label", this.say("remove", { name: chip.textContent.replace("×", "").trim() }));
    button.addEventListener("click", () => this.remove(chip));
    chip.append(button);
  }

  remove(chip) {
    if (!chip) return;
    chip.remove();
    this.input.focus();
    this.changed();
  }

  changed() {
    for (const name of ["input", "change"]) (this.value || this.field).dispatchEvent(new Event(name, { bubbles: true }));
    this.input.dispatchEvent(new CustomEvent("combobox:chosen", { bubbles: true }));
  }

  leave() {
    clearTimeout(this.timer);
    this.asked += 1;
    this.open(false);
    if (this.chosen) this.input.value = "";
    else if (!this.input.value.trim() && this.value.value) {
      this.value.value = this.shown = "";
      this.changed();
    } else this.input.value = this.shown;
  }
}

for (const field of document.querySelectorAll("[data-combobox]")) new Combobox(field);
