// The field of an access code: groups while one types, cleans what is pasted, names what no code has; what it opens.
import { call } from "../portal/api.js";

const CHARSET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const LENGTH = 12;
const BETWEEN = /[\s\p{Pd}\u2212\p{Cf}]/gu;
const REST_MS = 300;

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
const date = (value) => new Intl.DateTimeFormat(`${document.documentElement.lang}-u-nu-latn`, { dateStyle: "medium" }).format(new Date(value));

export function lettersOf(text) {
  const linked = /[?#&]code=([^&\s]+)/.exec(text);
  return (linked ? decodeURIComponent(linked[1]) : text)
    .replace(BETWEEN, "")
    .replace(/[٠-٩]/g, (digit) => String(digit.charCodeAt(0) - 0x660))
    .replace(/[a-z]/g, (letter) => letter.toUpperCase());
}

export const grouped = (letters) => letters.replace(/(.{4})(?=.)/gu, "$1-");

function regroup(input) {
  const before = lettersOf(input.value.slice(0, input.selectionStart ?? input.value.length)).length;
  const text = grouped(lettersOf(input.value));
  if (text === input.value) return;
  input.value = text;
  if (document.activeElement !== input) return;
  let place = 0;
  for (let seen = 0; seen < before && place < text.length; place += 1) if (text[place] !== "-") seen += 1;
  input.setSelectionRange(place, place);
}

function tell(input, message) {
  const place = document.getElementById(`${input.id}-error`);
  place.querySelector("[data-text]").textContent = message;
  place.hidden = !message;
  if (message) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
}

function start(form) {
  const said = JSON.parse(form.dataset.said);
  const input = form.elements.code;
  const [opens, own] = [form.querySelector("[data-opens]"), form.querySelector("[data-own]")];
  let checked = "";
  let timer;

  const strange = () => [...new Set(lettersOf(input.value))].filter((each) => !CHARSET.includes(each));
  const sentence = (code, facts = {}) => (facts.date || facts.count ? fill(said[`${code}.known`] || "", facts) : "") || said[code] || "";

  function complaint(isSent) {
    const [found, count] = [strange(), lettersOf(input.value).length];
    if (found.length) return fill(said.strange, { letters: found.join(" ") });
    return isSent && count !== LENGTH ? fill(said.length, { count }) : "";
  }

  function show(answer) {
    if (!opens) return;
    opens.hidden = !answer?.opens || Boolean(answer.refusal);
    own.hidden = !answer?.opens || !answer.refusal;
    if (!answer) return;
    if (answer.refusal) {
      const on = answer.redeemed_at || answer.ended_at;
      tell(input, sentence(answer.refusal, { date: on && date(on), count: answer.max_uses }));
    }
    if (!answer.opens) return;
    own.firstElementChild.href = wayTo(answer.opens);
    opens.querySelector("[data-title]").textContent = answer.opens.video_title || answer.opens.course_title;
    const about = [answer.opens.video_id ? fill(said.lesson, { course: answer.opens.course_title }) : said.course];
    if (answer.access_days) about.push(fill(said.until, { date: date(Date.now() + answer.access_days * 86400e3) }));
    opens.querySelector("[data-about]").textContent = about.join(" · ");
  }

  async function look() {
    const letters = lettersOf(input.value);
    if (letters === checked || letters.length !== LENGTH || strange().length) return;
    checked = letters;
    try {
      const answer = await call("POST", "/api/v1/access-codes/check", { code: letters });
      if (letters === lettersOf(input.value)) show(answer);
    } catch (problem) {
      if (problem.code?.startsWith("codes.") && letters === lettersOf(input.value)) tell(input, sentence(problem.code));
      else checked = "";
    }
  }

  input.addEventListener("input", () => {
    regroup(input);
    tell(input, complaint(false));
    if (!("checks" in form.dataset)) return;
    if (lettersOf(input.value) !== checked) show(null);
    clearTimeout(timer);
    timer = setTimeout(look, REST_MS);
  });
  form.addEventListener("submit", (event) => {
    clearTimeout(timer);
    const message = complaint(true);
    if (!message) return;
    event.preventDefault();
    event.stopPropagation();
    tell(input, message);
    input.focus();
  });
  form.addEventListener("api:refused", ({ detail: problem }) => { problem.message = said[problem.code] || problem.message; });

  const brought = new URLSearchParams(location.hash.slice(1)).get("code");
  if (brought && !form.dataset.course) {
    if (!form.dataset.api) location.replace(`/redeem?code=${encodeURIComponent(brought)}`);
    input.value = brought;
    history.replaceState(null, "", location.pathname);
  }
  regroup(input);
  if (input.value) tell(input, complaint(false));
  if ("checks" in form.dataset && input.value) look();
}

const wayTo = (opened) => `/learn/${opened.course_slug}${opened.video_id ? `/${opened.video_id}` : ""}`;

document.addEventListener("code-redeemed", async ({ detail: { answer, form } }) => {
  const after = document.querySelector("[data-after]");
  if (form.dataset.course && form.dataset.course === answer.course_id) {
    location.reload();
    return;
  }
  const course = await call("GET", `/api/v1/courses/${answer.course_id}`);
  const way = wayTo({ ...answer, course_slug: course.slug });
  if (form.dataset.course || !after) {
    location.assign(way);
    return;
  }
  document.querySelector("[data-before]").hidden = true;
  after.hidden = false;
  after.querySelector("[data-title]").textContent = course.title;
  after.querySelector("[data-way]").href = way;
  after.querySelector("h1").focus();
});

for (const form of document.querySelectorAll("form[data-code-form]")) start(form);
