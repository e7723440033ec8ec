// Uploads: large ones by tus 1.0, which go on where they broke off, small ones as a form; two at a time. docs/writing-pages.md
import { ApiProblem, call, refresh } from "./api.js";
import { sentence } from "./refusals.js";
import { wordsOf } from "./words.js";

const TUS = "/api/v1/upload/tus";
const SMALL = 8 * 1024 * 1024;
const AT_ONCE = 2;
const WAITS_S = [0, 1, 3, 5, 10, 20];
const AT_ITS_END = new Set(["done", "failed", "ended"]);
const jobs = new Set();
const language = document.documentElement.lang;

// A file is the same one if its name, size and date are: then its upload may go on.
const keyOf = (purpose, file) => `upload:${purpose}:${file.name}:${file.size}:${file.lastModified}`;
export const keptAddress = (purpose, file) => localStorage.getItem(keyOf(purpose, file));

export function sizeOf(bytes) {
  const unit = bytes < 1e6 ? ["kilobyte", 1e3] : bytes < 1e9 ? ["megabyte", 1e6] : ["gigabyte", 1e9];
  return new Intl.NumberFormat(language, { style: "unit", unit: unit[0], maximumFractionDigits: bytes < 1e9 ? 0 : 1 }).format(bytes / unit[1]);
}

// Begins an upload; `done` is the file as the API tells of it, and is broken by `cancel` alone: what failed may be resumed.
// `told` is called with each change.
export function begin(file, purpose, told = () => {}) {
  const job = { file, purpose, told, sent: 0, total: file.size, state: "waiting", address: keptAddress(purpose, file), problem: "", began: null, request: null, wake: () => {} };
  job.done = new Promise((done, failed) => Object.assign(job, { succeed: done, fail: failed }));
  job.done.catch(() => {});
  job.pause = () => stop(job, "paused");
  job.resume = () => { tell(job, { state: "waiting", problem: "" }); next(); };
  job.cancel = () => cancel(job);
  jobs.add(job);
  next();
  return job;
}

function tell(job, change) {
  Object.assign(job, change);
  job.told(job);
}

function next() {
  const busy = [...jobs].filter((job) => job.state === "sending" || job.state === "again").length;
  const waiting = [...jobs].filter((job) => job.state === "waiting");
  for (const job of waiting.slice(0, Math.max(0, AT_ONCE - busy))) run(job);
}

function stop(job, state) {
  if (AT_ITS_END.has(job.state)) return;
  tell(job, { state });
  job.request?.abort();
  job.wake();
  next();
}

async function cancel(job) {
  stop(job, "ended");
  job.fail(new ApiProblem(0, null, 0));
  jobs.delete(job);
  localStorage.removeItem(keyOf(job.purpose, job.file));
  if (job.address) await call("DELETE", job.address).catch(() => {});
}

async function run(job) {
  tell(job, { state: "sending", began: { at: Date.now(), sent: null } });
  let tries = 0;
  let farthest = 0;
  for (;;) {
    try {
      const answer = isSmall(job) ? await sendForm(job) : await sendRest(job);
      localStorage.removeItem(keyOf(job.purpose, job.file));
      jobs.delete(job);
      tell(job, { state: "done", sent: job.total });
      job.succeed(answer);
      return next();
    } catch (problem) {
      if (job.state !== "sending") return;
      if (isFinal(problem)) {
        tell(job, { state: "failed", problem: sentence(problem) });
        return next();
      }
      if (job.sent > farthest) tries = 0;
      farthest = Math.max(farthest, job.sent);
    }
    tell(job, { state: "again" });
    await rest(job, WAITS_S[Math.min(tries, WAITS_S.length - 1)]);
    tries += 1;
    if (job.state !== "again") return;
    tell(job, { state: "sending", began: { at: Date.now(), sent: null } });
  }
}

const isSmall = (job) => job.purpose !== "video" && job.purpose !== "archive" && job.total <= SMALL && !job.address;
// What another try mends: no network, the server's faults, an upload that is held or stands elsewhere, too many calls.
const isFinal = (problem) => !(problem instanceof ApiProblem) || !(problem.status === 0 || problem.status >= 500 || [404, 408, 409, 410, 423, 429].includes(problem.status));

function rest(job, seconds) {
  return new Promise((done) => {
    const timer = setTimeout(done, seconds * 1000);
    const wake = () => { clearTimeout(timer); removeEventListener("online", wake); done(); };
    job.wake = wake;
    addEventListener("online", wake);
  });
}

async function sendRest(job) {
  const offset = (job.address && (await offsetOf(job))) ?? (await create(job));
  tell(job, { sent: offset });
  if (offset < job.total) await send(job, "PATCH", job.address, job.file.slice(offset), { "Tus-Resumable": "1.0.0", "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream" }, offset);
  return (await call("GET", job.address)).file;
}

// Where the server stands; null if it knows nothing of the upload any more, which then begins anew.
async function offsetOf(job) {
  const answer = await ask("HEAD", job.address, {});
  const isIt = answer.ok && Number(answer.headers.get("upload-length")) === job.total;
  if (isIt) return Number(answer.headers.get("upload-offset"));
  if (!answer.ok && ![404, 410].includes(answer.status)) throw new ApiProblem(answer.status, null, 0);
  job.address = null;
  return null;
}

async function create(job) {
  const base64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
  const answer = await ask("POST", TUS, { "Upload-Length": String(job.total), "Upload-Metadata": `purpose ${base64(job.purpose)},filename ${base64(job.file.name)}` });
  if (!answer.ok) throw new ApiProblem(answer.status === 409 ? 400 : answer.status, await answer.json().catch(() => null), 0);
  job.address = new URL(answer.headers.get("location"), location.href).pathname;
  localStorage.setItem(keyOf(job.purpose, job.file), job.address);
  return 0;
}

async function ask(method, path, headers) {
  const once = () => fetch(path, { method, headers: { ...headers, "Tus-Resumable": "1.0.0", Accept: "application/json" } });
  try {
    const answer = await once();
    return answer.status === 401 && (await refresh()) ? await once() : answer;
  } catch {
    throw new ApiProblem(0, null, 0);
  }
}

async function sendForm(job) {
  const form = new FormData();
  form.append("file", job.file, job.file.name);
  return JSON.parse(await send(job, "POST", `/api/v1/upload/${job.purpose}`, form, {}, 0));
}

// By XMLHttpRequest: fetch does not tell how much has been sent.
function send(job, method, path, body, headers, offset, isSecond = false) {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    job.request = request;
    request.open(method, path);
    for (const [name, value] of Object.entries({ Accept: "application/json", ...headers })) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => {
      job.began.sent ??= offset;
      tell(job, { sent: Math.min(job.total, offset + event.loaded) });
    };
    request.onerror = request.onabort = () => failed(new ApiProblem(0, null, 0));
    request.onload = async () => {
      if (request.status < 300) return done(request.responseText);
      if (request.status === 401 && !isSecond && (await refresh())) return send(job, method, path, body, headers, offset, true).then(done, failed);
      let problem = null;
      try { problem = JSON.parse(request.responseText); } catch { /* not of the API */ }
      failed(new ApiProblem(request.status, problem, 0));
    };
    request.send(body);
  });
}

function secondsLeft({ began, sent, total }) {
  const seconds = began ? (Date.now() - began.at) / 1000 : 0;
  const gone = sent - (began?.sent ?? sent);
  return seconds > 2 && gone > 0 ? ((total - sent) * seconds) / gone : null;
}

// A row that tells of a job, drawn from the page's template.
export function rowOf(job, { cancelled = () => {} } = {}) {
  const template = document.querySelector("template[data-upload-row]");
  const say = wordsOf(template);
  const row = template.content.firstElementChild.cloneNode(true);
  const part = (name) => row.querySelector(`[data-${name}]`);
  part("name").textContent = job.file.name;
  part("progress").setAttribute("aria-label", job.file.name);
  part("pause").addEventListener("click", () => (job.state === "paused" || job.state === "failed" ? job.resume() : job.pause()));
  part("cancel").addEventListener("click", async () => { row.remove(); await job.cancel(); cancelled(); });
  job.told = () => {
    const left = secondsLeft(job);
    const values = { sent: sizeOf(job.sent), total: sizeOf(job.total), minutes: left && Math.ceil(left / 60) };
    const words = job.state === "sending" && left !== null ? (left < 60 ? "soon" : "left") : job.state;
    row.dataset.state = job.state;
    part("progress").max = job.total || 1;
    part("progress").value = job.sent;
    part("about").textContent = job.state === "failed" ? job.problem : say(words, values);
    part("pause").hidden = job.state === "done";
    part("pause").querySelector("span").textContent = say(job.state === "paused" || job.state === "failed" ? "resume" : "pause");
  };
  job.told(job);
  row.words = say;
  row.say = (name, values) => { part("about").textContent = say(name, values); };
  return row;
}

// <div data-upload="image">: files are chosen or dropped; whoever wants them elsewhere takes "upload:chosen".
function chosen(place, files) {
  const list = [...files];
  if (!list.length || !place.dispatchEvent(new CustomEvent("upload:chosen", { bubbles: true, cancelable: true, detail: { files: list } }))) return;
  for (const file of place.querySelector("input").multiple ? list : list.slice(0, 1)) start(place, file);
}

export function tooLarge(file, most) {
  return file.size > Number(most) ? wordsOf(document.querySelector("template[data-upload-row]"))("too_large", { name: file.name, most: sizeOf(Number(most)) }) : "";
}

async function start(place, file) {
  const error = place.querySelector("[data-upload-error]");
  error.textContent = tooLarge(file, place.dataset.most);
  error.hidden = !error.textContent;
  if (error.textContent) return;
  const job = begin(file, place.dataset.upload);
  const row = rowOf(job);
  place.querySelector("[data-upload-rows]").append(row);
  const answer = await job.done.catch(() => null);
  if (!answer) return;
  try {
    if (place.dataset.then) {
      const [method, path] = place.dataset.then.split(" ");
      const titled = place.dataset.titled && { [place.dataset.titled]: file.name.replace(/\.[^.]+$/, "").slice(0, 255) || file.name };
      await call(method, path, { ...JSON.parse(place.dataset.with || "{}"), ...titled, [place.dataset.field]: answer.id });
      if (place.dataset.ok) sessionStorage.setItem("toast", place.dataset.ok);
      location.reload();
    }
    place.dispatchEvent(new CustomEvent("upload:done", { bubbles: true, detail: { file: answer, row } }));
  } catch (problem) {
    row.say("failed");
    error.textContent = sentence(problem);
    error.hidden = false;
  }
}

for (const kind of ["dragover", "drop"]) {
  document.addEventListener(kind, (event) => {
    const place = event.target.closest?.("[data-upload]");
    if (!place || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    if (kind === "drop") chosen(place, event.dataTransfer.files);
  });
}
document.addEventListener("change", (event) => {
  const place = event.target.matches?.("[type=file]") && event.target.closest("[data-upload]");
  if (!place) return;
  chosen(place, event.target.files);
  event.target.value = "";
});
addEventListener("beforeunload", (event) => {
  if ([...jobs].some((job) => ["waiting", "sending", "again"].includes(job.state))) event.preventDefault();
});
