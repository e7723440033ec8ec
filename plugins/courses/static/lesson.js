// A lesson's page: what stands around the video and moves with it; outline, tabs, transcript, keys, what comes next.
import { call } from "../portal/api.js";
import { openDialog, toast } from "../portal/ui.js";
import "./materials.js";
import { clock, player, remember, settings } from "./player.js";
import { watching } from "./watching.js";

const NEXT_S = 8;
const POLL_MS = 5000;
const GOES_ON = "collegium.goes-on";
const find = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];
const root = find("[data-learn]");
const { dataset: data } = root;
const words = JSON.parse(data.words);
const say = (name, values = {}) => words[name].replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
const written = new Intl.NumberFormat(document.documentElement.lang, { numberingSystem: "latn" });
const percent = new Intl.NumberFormat(document.documentElement.lang, { style: "percent", numberingSystem: "latn" });
const heard = (text) => { find("[data-heard]").textContent = text; };
const stage = find("[data-stage]");
let lines = [];

// What was watched moves the badge, the rule, the outline and the bars.
function moved({ watched_seconds: watched, total_seconds: total, is_completed: isCompleted, enrollment }) {
  if (isCompleted) {
    if (!("completed" in data)) finish(enrollment);
    return;
  }
  const left = Math.max(Math.ceil((total * 9) / 10) - watched, 0);
  find("[data-watched]").textContent = say("watched", { share: percent.format(Math.floor((watched * 100) / total) / 100) });
  const toGo = say(left < 60 ? "seconds" : "minutes", { minutes: written.format(Math.floor(left / 60)), seconds: written.format(left % 60) });
  find("[data-rule]").textContent = `${say("rule")} ${toGo}`;
}

function finish(enrollment) {
  data.completed = "";
  const done = Math.min(Number(data.done) + 1, Number(data.total));
  data.done = done;
  const badge = find("[data-badge]");
  badge.classList.replace("brand", "ok");
  const own = find(`[data-lesson="${data.video}"]`);
  for (const use of [badge.querySelector("use"), own.querySelector("use")]) {
    use.setAttribute("href", use.getAttribute("href").replace(/#.*/, "#done"));
  }
  own.querySelector("a").className = "done";
  own.querySelector("[data-state]").textContent = `, ${say("done")}`;
  find("[data-watched]").textContent = say("done");
  find("[data-rule]").textContent = say("finished");
  for (const each of all("[data-done-count]")) each.textContent = say("count", { done: written.format(done) });
  find("[data-done-bar]").value = done;
  find("[data-ring]").setAttribute("stroke-dasharray", `${(done / Number(data.total)) * 100} 100`);
  heard(say("heard", { done: written.format(done) }));
  if (enrollment?.status === "completed") toast(say("course"));
}

let isTold = false;
const watch = watching(data, {
  moved,
  kept: () => { if (!isTold) toast(say("kept")); isTold = true; },
  ended: () => toast(say("uncounted"), { kind: "bad" }),
});

// The end of a lesson offers the next one, and goes there by itself unless that is not wanted.
let counting;
function offerNext() {
  const card = find("[data-end]");
  if (!card) return;
  const [after, soon] = [find("[data-after]"), find("[data-soon]")];
  card.querySelector("[data-next]").textContent = after ? say("next", { title: after.dataset.title }) : say("last");
  soon.textContent = "";
  card.hidden = false;
  heard(card.querySelector("[data-next]").textContent);
  if (!after || !settings.goesOn || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  let left = NEXT_S;
  const tick = () => {
    soon.textContent = say("soon", { seconds: written.format(left) });
    if (left > 0) left -= 1;
    else goOn(after.href);
  };
  tick();
  counting = setInterval(tick, 1000);
}

function cancelNext() {
  clearInterval(counting);
  const card = find("[data-end]");
  if (card) card.hidden = true;
}

function goOn(href) {
  clearInterval(counting);
  sessionStorage.setItem(GOES_ON, "1");
  location.assign(href);
}

stage.addEventListener("click", ({ target }) => { if (target.closest("[data-do=cancel]")) cancelNext(); });

// What the stage holds.
let screen = null;
if (stage.querySelector("[data-screen]")) {
  screen = player({ stage, data, say, heard, watch, onEnd: offerNext });
  for (const each of ["play", "seeking"]) screen.video.addEventListener(each, cancelNext);
  if (sessionStorage.getItem(GOES_ON)) screen.video.play().catch(() => {});
}
sessionStorage.removeItem(GOES_ON);
const frame = stage.querySelector("[data-youtube]");
if (frame) {
  const { youtube } = await import("./youtube.js");
  youtube(frame, watch, { onEnd: offerNext, onSilence: () => { find("[data-uncounted]").hidden = false; } });
}
const preparing = stage.querySelector("[data-preparing]");
if (preparing) {
  const ask = async () => {
    const stream = await call("GET", `/api/v1/videos/${data.video}/stream`).catch(() => ({ preparing: preparing.querySelector("progress").value }));
    if (stream.preparing === undefined) return location.reload();
    preparing.querySelector("progress").value = stream.preparing;
    preparing.querySelector("[data-share]").textContent = say("preparing", { share: percent.format(stream.preparing / 100) });
    setTimeout(ask, POLL_MS);
  };
  setTimeout(ask, POLL_MS);
}
// The outline stands beside the video, and on a phone in a sheet.
const narrow = matchMedia("(max-width: 63.99rem)");
function placeOutline() {
  const aside = find("[data-outline-place]");
  (narrow.matches ? find("#course-content") : aside).append(find("[data-outline]"));
  aside.hidden = narrow.matches;
  const current = find("[data-outline] [aria-current]");
  if (!narrow.matches) aside.scrollTop = current.offsetTop - aside.clientHeight / 2;
}
placeOutline();
narrow.addEventListener("change", placeOutline);
find("[data-sheet]").addEventListener("click", (event) => event.preventDefault());

// Tabs, chosen by hand; the address keeps which one.
const tabs = all("[data-tabs] a");
function choose(tab) {
  for (const each of tabs) {
    const isChosen = each === tab;
    each.setAttribute("aria-selected", String(isChosen));
    each.tabIndex = isChosen ? 0 : -1;
    find(each.hash).hidden = !isChosen;
  }
  if (tab.hash === "#transcript") showTranscript();
}
find("[data-tabs]").setAttribute("role", "tablist");
for (const tab of tabs) {
  const panel = find(tab.hash);
  tab.id = `${panel.id}-tab`;
  tab.setAttribute("role", "tab");
  tab.setAttribute("aria-controls", panel.id);
  panel.setAttribute("role", "tabpanel");
  panel.setAttribute("aria-labelledby", tab.id);
  panel.tabIndex = 0;
  tab.addEventListener("click", (event) => {
    event.preventDefault();
    history.replaceState(null, "", tab.hash);
    choose(tab);
  });
  tab.addEventListener("keydown", (event) => {
    if (event.key === " ") { event.preventDefault(); tab.click(); }
    walk(event, tabs, tab, document.dir === "rtl" ? ["ArrowRight", "ArrowLeft"] : ["ArrowLeft", "ArrowRight"]);
  });
}
const asked = tabs.find((tab) => tab.hash === location.hash);
choose(asked || tabs[0]);
if (asked) scrollTo(0, 0);

function walk(event, items, item, [back, on]) {
  const at = items.indexOf(item);
  const next = { [back]: items[at - 1], [on]: items[at + 1], Home: items[0], End: items.at(-1) }[event.key];
  if (!next) return;
  event.preventDefault();
  for (const each of items) each.tabIndex = each === next ? 0 : -1;
  next.focus();
}

// The transcript: each line of the captions is a button that plays from there.
function showTranscript() {
  const list = find("[data-transcript]");
  const tracks = [...(screen?.video.textTracks || [])];
  const track = tracks.find((each) => each.language === (settings.captions || document.documentElement.lang)) || tracks[0];
  if (lines.length || !track) return;
  if (track.mode === "disabled") track.mode = "hidden";
  const element = all("[data-screen] track").find((each) => each.track === track);
  if (element.readyState < 2) {
    element.addEventListener("load", showTranscript, { once: true });
    return;
  }
  lines = [...track.cues].map((cue) => {
    const item = find("template[data-cue]").content.cloneNode(true);
    const button = item.querySelector("button");
    button.querySelector("time").textContent = clock(cue.startTime);
    button.querySelector("span").textContent = cue.getCueAsHTML().textContent;
    button.lang = track.language;
    button.addEventListener("click", () => screen.at(cue.startTime));
    button.addEventListener("keydown", (event) => walk(event, lines.map((each) => each.button), button, ["ArrowUp", "ArrowDown"]));
    list.append(item);
    return { button, cue };
  });
  if (!lines.length) return;
  lines[0].button.tabIndex = 0;
  list.hidden = false;
  screen.video.addEventListener("timeupdate", followTranscript);
  followTranscript();
}

function followTranscript() {
  const list = find("[data-transcript]");
  const now = screen.video.currentTime;
  const current = lines.findLast(({ cue }) => cue.startTime <= now)?.button;
  if (current?.hasAttribute("aria-current")) return;
  for (const { button } of lines) button.removeAttribute("aria-current");
  current?.setAttribute("aria-current", "true");
  if (current && !list.contains(document.activeElement)) list.scrollTop = current.offsetTop - list.clientHeight / 2;
}

// Keys, and what is remembered.
const KEYS = {
  ...(screen && {
    " ": screen.play, k: screen.play, j: screen.back, l: screen.forward, ArrowLeft: screen.less, ArrowRight: screen.more,
    ArrowUp: () => screen.louder(0.1), ArrowDown: () => screen.louder(-0.1), m: screen.mute, c: screen.captions,
    f: screen.full, "<": () => screen.faster(-1), ">": () => screen.faster(1),
  }),
  n: () => find("[data-after]")?.click(), p: () => find("[data-before]")?.click(),
  t: () => { const tab = tabs.find((each) => each.hash === "#transcript"); tab?.click(); tab?.focus(); },
  "?": () => openDialog(find("#keys")),
};

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  const isMine = settings.keys && !event.ctrlKey && !event.metaKey && !event.altKey && !event.defaultPrevented
    && !target.matches("input:not([type=range]), textarea, select, [contenteditable]") && !find("dialog[open]");
  const isArrow = key.startsWith("Arrow");
  if (!isMine || (isArrow && target.matches("[data-volume], [role=tab], [data-transcript] button"))) return;
  if ((key === " " && target.matches("button, a, summary")) || (/Arrow(Up|Down)/.test(key) && !stage.contains(target))) return;
  // Of a keyboard that writes other letters, the place of the key counts.
  const name = /^(Key|Digit)/.test(event.code) && key > "~" ? event.code.at(-1) : key;
  const run = screen && /^\d$/.test(name) ? () => screen.to(Number(name) / 10) : KEYS[name.length === 1 ? name.toLowerCase() : name];
  if (!run) return;
  event.preventDefault();
  run();
});

for (const box of all("[data-setting]")) {
  box.checked = settings[box.dataset.setting];
  box.addEventListener("change", () => remember({ [box.dataset.setting]: box.checked }));
}
