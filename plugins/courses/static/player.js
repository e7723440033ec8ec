// The video: which source plays, its controls, where it goes on. Until this runs, the browser's own controls stay.
import { call } from "../portal/api.js";
import { toast } from "../portal/ui.js";

const FRESH_MS = 60_000;
const IDLE_MS = 3000;
const BEFORE_S = 3;
const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2];
const KEPT = "collegium.player";

export const settings = { speed: 1, volume: 1, muted: false, captions: "", keys: true, goesOn: true };
try { Object.assign(settings, JSON.parse(localStorage.getItem(KEPT))); } catch { /* Nothing is kept here. */ }

export function remember(changes) {
  Object.assign(settings, changes);
  try { localStorage.setItem(KEPT, JSON.stringify(settings)); } catch { /* As above. */ }
}

export function clock(seconds) {
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const two = (number) => String(Math.floor(number)).padStart(2, "0");
  return `${hours ? `${hours}:${two(minutes)}` : minutes}:${two(seconds % 60)}`;
}

export function player({ stage, data, say, heard, watch, onEnd }) {
  const find = (selector) => stage.querySelector(selector);
  const [video, controls, seek, volume, speed] = ["screen", "controls", "seek", "volume", "speed"].map((name) => find(`[data-${name}]`));
  const [language, failed, big] = ["language", "failed", "big"].map((name) => find(`[data-${name}]`));
  const tracks = () => [...video.textTracks];
  const length = () => (Number.isFinite(video.duration) ? video.duration : Number(data.seconds));
  const sign = (button, name) => {
    const use = button.querySelector("use");
    use.setAttribute("href", use.getAttribute("href").replace(/#.*/, `#${name}`));
  };

  // Sources: HLS where the browser says that it plays it, else the MP4; once, a fresh address; then a notice.
  let fallback = find("source[data-fallback]")?.src;
  let freshAt = -FRESH_MS;
  let resume = 0;
  let wasPlaying = false;

  function load(url, isFallback) {
    // A bucket without a rule for our origin gives the MP4 only to who does not ask for one.
    if (isFallback) video.removeAttribute("crossorigin");
    else video.crossOrigin = "anonymous";
    for (const each of video.querySelectorAll("source")) each.remove();
    video.src = url;
    video.load();
  }

  async function recover() {
    resume = video.currentTime || resume;
    if (fallback && video.src !== fallback) return load(fallback, true);
    if (performance.now() - freshAt < FRESH_MS || !navigator.onLine) return fail();
    freshAt = performance.now();
    try {
      const stream = await call("GET", `/api/v1/videos/${data.video}/stream`);
      fallback = stream.fallback_url && new URL(stream.fallback_url, location).href;
      load(stream.url, false);
    } catch { fail(); }
  }

  function fail() {
    failed.hidden = false;
    addEventListener("online", actions.again, { once: true });
  }

  video.addEventListener("error", ({ target }) => {
    const isLast = target.localName === "source" ? !target.nextElementSibling?.matches("source") : target === video;
    if (isLast) recover();
  }, true);
  video.addEventListener("loadedmetadata", () => {
    failed.hidden = true;
    video.playbackRate = settings.speed;
    if (resume) video.currentTime = Math.min(resume, length());
    if (wasPlaying) video.play().catch(() => {});
    draw();
  });

  // Controls.
  let idle;
  let second = -1;
  function wake() {
    delete stage.dataset.idle;
    clearTimeout(idle);
    idle = setTimeout(() => {
      if (!video.paused && !controls.querySelector(":focus-visible")) stage.dataset.idle = "";
    }, IDLE_MS);
  }

  function draw() {
    const now = video.currentTime;
    const buffered = video.buffered.length ? video.buffered.end(video.buffered.length - 1) : 0;
    seek.max = length();
    seek.value = now;
    seek.style.setProperty("--played", `${(now / length()) * 100}%`);
    seek.style.setProperty("--buffered", `${(buffered / length()) * 100}%`);
    if (Math.floor(now) === second) return;
    second = Math.floor(now);
    find("[data-now]").textContent = clock(now);
    find("[data-length]").textContent = clock(length());
    seek.setAttribute("aria-valuetext", say("at", { time: clock(now), length: clock(length()) }));
  }

  function caption(chosen) {
    for (const track of tracks()) {
      track.mode = track.language === chosen ? "showing" : track.mode === "showing" ? "hidden" : track.mode;
    }
    find("[data-do=captions]")?.setAttribute("aria-pressed", String(Boolean(chosen)));
    if (language) language.value = chosen;
  }

  const jump = (seconds) => { video.currentTime = Math.max(0, Math.min(length(), video.currentTime + seconds)); };
  const toggle = () => (video.paused ? video.play().catch(() => {}) : video.pause());
  const actions = {
    play: toggle,
    back: () => jump(-10),
    forward: () => jump(10),
    less: () => jump(-5),
    more: () => jump(5),
    to: (part) => { video.currentTime = length() * part; },
    at: (time) => { video.currentTime = time; video.play().catch(() => {}); },
    mute: () => { video.muted = !video.muted; },
    louder: (by) => { video.muted = false; video.volume = Math.max(0, Math.min(1, video.volume + by)); },
    faster: (by) => {
      const next = SPEEDS[SPEEDS.indexOf(video.playbackRate) + by];
      if (!next) return;
      video.playbackRate = next;
      heard(say("speed", { speed: next }));
    },
    captions: () => {
      const isShown = tracks().some((track) => track.mode === "showing");
      const chosen = isShown ? "" : settings.lastCaptions || tracks()[0]?.language || "";
      caption(chosen);
      remember(chosen ? { captions: chosen, lastCaptions: chosen } : { captions: "" });
    },
    full: () => {
      if (document.fullscreenElement) document.exitFullscreen();
      else if (stage.requestFullscreen) stage.requestFullscreen().catch(() => {});
      else if (!find(".watermark")) video.webkitEnterFullscreen?.();
    },
    again: () => { failed.hidden = true; freshAt = -FRESH_MS; fallback = null; recover(); },
  };

  stage.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (button) actions[button.dataset.do]?.();
    else if (event.target === video && (event.pointerType !== "touch" || !("idle" in stage.dataset))) actions.play();
    wake();
  });
  for (const each of ["pointermove", "keydown", "focusin"]) stage.addEventListener(each, wake);
  seek.addEventListener("input", () => { video.currentTime = Number(seek.value); });
  volume.addEventListener("input", () => { video.muted = false; video.volume = Number(volume.value); });
  speed.addEventListener("change", () => { video.playbackRate = Number(speed.value); });
  language?.addEventListener("change", () => {
    caption(language.value);
    remember({ captions: language.value, lastCaptions: language.value || settings.lastCaptions });
  });
  video.addEventListener("ratechange", () => {
    speed.value = String(video.playbackRate);
    if (video.readyState) remember({ speed: video.playbackRate });
  });
  video.addEventListener("volumechange", () => {
    volume.value = video.muted ? 0 : video.volume;
    const button = find("[data-do=mute]");
    sign(button, video.muted ? "mute" : "volume");
    button.setAttribute("aria-label", say(video.muted ? "unmute" : "mute"));
    remember({ volume: video.volume, muted: video.muted });
  });
  for (const name of ["play", "pause"]) {
    video.addEventListener(name, () => {
      const button = controls.querySelector("[data-do=play]");
      wasPlaying = name === "play";
      sign(button, name === "play" ? "pause" : "play");
      button.setAttribute("aria-label", say(name === "play" ? "pause" : "play"));
      big.hidden = name === "play" || video.currentTime > resume + 1;
      wake();
    });
  }

  // What is watched.
  let seeked;
  video.addEventListener("timeupdate", () => {
    draw();
    if (!video.paused && !video.seeking) watch.at(video.currentTime);
  });
  video.addEventListener("progress", draw);
  video.addEventListener("seeking", () => { watch.stop(); draw(); });
  video.addEventListener("seeked", () => {
    // Nobody has moved by where the page itself has put them.
    if (!video.played.length) return;
    watch.stand(video.currentTime);
    clearTimeout(seeked);
    seeked = setTimeout(watch.send, 1000);
  });
  video.addEventListener("pause", () => { watch.stop(); watch.stand(video.currentTime); watch.send(); });
  video.addEventListener("ended", () => onEnd());

  // Begin.
  const stood = watch.unsent ?? Number(data.position);
  if (stood > BEFORE_S + 2 && stood < Number(data.seconds) - BEFORE_S) {
    resume = stood - BEFORE_S;
    toast(say("resumed", { time: clock(resume) }), { action: say("over"), run: () => { resume = 0; actions.to(0); } });
  }
  video.volume = settings.volume;
  video.muted = settings.muted;
  caption(tracks().some((track) => track.language === settings.captions) ? settings.captions : "");
  video.controls = false;
  controls.hidden = big.hidden = false;
  if (!stage.requestFullscreen && (find(".watermark") || !video.webkitEnterFullscreen)) find("[data-do=full]").hidden = true;
  if (video.error || video.networkState === video.NETWORK_NO_SOURCE) recover();
  else if (video.readyState) video.dispatchEvent(new Event("loadedmetadata"));
  stage.dataset.live = "";
  return { video, ...actions };
}
