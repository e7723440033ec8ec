// Choosing rows of a table, and doing the same with each: four calls at a time, as fast as the limits of the API let us.
import { ApiProblem, call } from "./api.js";
import { reload } from "./focus.js";
import { openDialog } from "./ui.js";
import { say } from "./words.js";

const AT_ONCE = 4;
const SPARE = 6;
const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

class Bulk {
  constructor(table) {
    this.bar = document.querySelector(table.dataset.bulk);
    this.all = table.querySelector("[data-pick-all]");
    this.picks = [...table.querySelectorAll("[data-pick]")];
    this.words = JSON.parse(this.bar.dataset.words);
    this.last = null;
    table.addEventListener("click", (event) => this.clicked(event));
    this.bar.addEventListener("click", (event) => this.pressed(event));
    this.tell();
  }

  part(name) {
    return this.bar.querySelector(`[data-${name}]`);
  }

  get chosen() {
    return this.picks.filter((each) => each.checked);
  }

  say(name, values) {
    return this.words[name].replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
  }

  clicked(event) {
    const { target } = event;
    if (target === this.all) for (const each of this.picks) each.checked = target.checked;
    else if (!this.picks.includes(target)) return;
    else if (event.shiftKey && this.last) {
      const [from, to] = [this.picks.indexOf(this.last), this.picks.indexOf(target)].sort((a, b) => a - b);
      for (const each of this.picks.slice(from, to + 1)) each.checked = target.checked;
    }
    this.last = target === this.all ? null : target;
    this.tell();
  }

  tell(text) {
    const count = this.chosen.length;
    this.all.checked = count > 0 && count === this.picks.length;
    this.all.indeterminate = count > 0 && !this.all.checked;
    this.bar.hidden = !count && !text;
    this.part("said").textContent = text || this.say("chosen", { count });
    if (!text) this.part("show-failed").hidden = true;
  }

  async pressed(event) {
    const at = (name) => event.target.closest(`[data-${name}]`);
    if (at("pick-none")) {
      for (const each of this.picks) each.checked = false;
      this.tell();
      this.all.focus();
    } else if (at("stop")) this.isStopped = true;
    else if (at("show-failed")) this.picks.find((each) => each.checked)?.focus();
    else if (at("run") && !this.isRunning) await this.run(at("run"));
  }

  async run(button) {
    const dialog = button.dataset.confirm && document.querySelector(button.dataset.confirm);
    if (dialog && (await openDialog(dialog)) !== "yes") return;
    const rows = this.chosen;
    const waiting = [...rows];
    const progress = this.bar.querySelector("progress");
    [this.isRunning, this.isStopped, this.until] = [true, false, 0];
    const outcome = { done: 0, failed: 0, all: rows.length };
    this.switch(true);
    progress.max = rows.length;
    const step = async () => {
      while (waiting.length && !this.isStopped) {
        const row = waiting.shift();
        if (await this.one(button, row)) outcome.done += 1;
        else outcome.failed += 1;
        progress.value = outcome.done + outcome.failed;
        this.part("said").textContent = this.say("running", outcome);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, step));
    this.isRunning = false;
    this.switch(false);
    const word = this.isStopped ? "stopped" : outcome.failed ? "failed" : "done";
    this.tell(this.say(word, outcome));
    this.part("show-failed").hidden = !outcome.failed;
    this.bar.dispatchEvent(new CustomEvent("bulk:done", { bubbles: true, detail: outcome }));
    if (word !== "done") return;
    sessionStorage.setItem("toast", this.say(word, outcome));
    reload();
  }

  async one(button, pick) {
    const [method, path] = button.dataset.run.split(" ");
    const body = button.dataset.body ? JSON.parse(button.dataset.body) : undefined;
    const address = path.replace("{id}", encodeURIComponent(pick.value));
    for (let tries = 0; ; tries += 1) {
      if (this.until > Date.now()) await pause((this.until - Date.now()) / 1000);
      try {
        await call(method, address, body, (headers) => this.paced(headers));
        this.mark(pick, say("done"), "");
        pick.checked = false;
        return true;
      } catch (problem) {
        if (!(problem instanceof ApiProblem)) throw problem;
        const mayWait = problem.status === 429 || problem.status === 503;
        if (mayWait && tries < 5) {
          this.until = Date.now() + (problem.retryAfter || 2) * 1000;
          continue;
        }
        const reason = problem.errors[0]?.message || problem.message;
        this.mark(pick, problem.status === 0 ? say("no_network") : reason || say("fault"), "bad");
        return false;
      }
    }
  }

  paced(headers) {
    const left = Number(headers.get("ratelimit-remaining") ?? SPARE);
    const reset = Number(headers.get("ratelimit-reset") ?? 0);
    if (left < SPARE && reset) this.until = Math.max(this.until, Date.now() + reset * 1000);
  }

  mark(pick, text, kind) {
    const row = pick.closest("tr");
    const place = row.querySelector("[scope=row]") || row.lastElementChild;
    let note = row.querySelector(".result");
    if (!note) place.append((note = document.createElement("span")));
    note.className = `result ${kind}`;
    note.textContent = text;
  }

  switch(isRunning) {
    this.bar.querySelector("progress").hidden = !isRunning;
    this.part("stop").hidden = !isRunning;
    for (const each of [...this.picks, this.all]) each.disabled = isRunning;
    for (const each of this.bar.querySelectorAll("[data-run], [data-pick-none]")) each.hidden = isRunning;
    if (isRunning) this.part("stop").focus();
  }
}

for (const table of document.querySelectorAll("table[data-bulk]")) new Bulk(table);
