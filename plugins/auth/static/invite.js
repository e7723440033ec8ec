// Inviting many people: each line becomes an account; lines that do not stay where they are, with the reason.
import { ApiProblem, call } from "../portal/api.js";
import { say } from "../portal/words.js";

const MOST_WAITS = 5;
const form = document.querySelector("[data-invite]");
const { people } = form.elements;
const words = JSON.parse(form.dataset.words);
const text = (name, values = {}) => words[name].replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
const ADDRESS = /[^\s<>,;"]+@[^\s<>,;"]+/;

function personOf(line) {
  const address = line.match(ADDRESS)?.[0];
  if (!address) return { reason: text("no_address") };
  const cells = line.replace(address, " ").split(/[,;\t]/).map((each) => each.replace(/[<>"]/g, " ").trim()).filter(Boolean);
  const names = cells.length > 1 ? [cells[0], cells.slice(1).join(" ")] : split(cells[0] || guess(address));
  if (!names[1]) return { reason: text("no_name") };
  return { email: address, first_name: names[0], last_name: names[1] };
}

function split(name) {
  const [first, ...rest] = name.split(/\s+/);
  return [first, rest.join(" ")];
}

// sami.aziz@school.org says who it is.
const guess = (address) => address.split("@")[0].split(/[._-]+/).filter((each) => /^\p{L}+$/u.test(each))
  .map((each) => each[0].toUpperCase() + each.slice(1)).join(" ");

async function invite(person, role) {
  for (let tries = 0; ; tries += 1) {
    try {
      await call("POST", "/api/v1/users", { ...person, role });
      return "";
    } catch (problem) {
      if (!(problem instanceof ApiProblem)) throw problem;
      if (problem.status !== 429 || tries >= MOST_WAITS) {
        return problem.errors[0]?.message || problem.message || say(problem.status ? "fault" : "no_network");
      }
      await new Promise((done) => setTimeout(done, (problem.retryAfter || 2) * 1000));
    }
  }
}

function show(refused) {
  const box = form.querySelector("[data-refused]");
  box.querySelector("ul").replaceChildren(...refused.map(({ line, reason }) => {
    const item = document.createElement("li");
    item.append(Object.assign(document.createElement("bdi"), { textContent: text("line", { who: line.trim(), reason }) }));
    return item;
  }));
  box.hidden = !refused.length;
  if (refused.length) box.focus();
}

let isRunning = false;
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (isRunning) return;
  const said = form.querySelector("[data-said]");
  const lines = people.value.split("\n").filter((each) => each.trim());
  show([]);
  if (!lines.length) {
    show([{ line: "", reason: text("nobody") }]);
    return;
  }
  const [refused, seen, progress] = [[], new Set(), form.querySelector("progress")];
  let done = 0;
  isRunning = true;
  Object.assign(progress, { hidden: false, max: lines.length, value: 0 });
  for (const line of lines) {
    const person = personOf(line);
    const key = person.email?.toLowerCase();
    const reason = person.reason || (seen.has(key) ? text("twice") : await invite(person, form.elements.role.value));
    seen.add(key);
    if (reason) refused.push({ line, reason });
    else done += 1;
    progress.value += 1;
    said.textContent = text("running", { done, all: lines.length });
  }
  isRunning = false;
  progress.hidden = true;
  people.value = refused.map(({ line }) => line).join("\n");
  said.textContent = text(refused.length ? "left" : "done", { done, failed: refused.length });
  show(refused);
});

document.querySelector("#list").addEventListener("change", async ({ target }) => {
  const lines = (await target.files[0]?.text() ?? "").split(/\r?\n/);
  if (lines[0] && !ADDRESS.test(lines[0])) lines.shift();
  people.value = [people.value.trim(), ...lines].filter(Boolean).join("\n");
  target.value = "";
  people.focus();
});
