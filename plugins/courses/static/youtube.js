// YouTube's player in its frame, spoken to by the messages that their own script would send; what it tells is counted.
const ORIGIN = "https://www.youtube-nocookie.com";
const PLAYING = 1;
const PATIENCE_MS = 8000;

export function youtube(frame, watch, { onEnd, onSilence }) {
  let isHeard = false;
  let isPlaying = false;
  const say = (message) => frame.contentWindow?.postMessage(JSON.stringify({ id: 1, channel: "widget", ...message }), ORIGIN);
  const asking = setInterval(() => say({ event: "listening" }), 400);
  setTimeout(() => { clearInterval(asking); if (!isHeard) onSilence(); }, PATIENCE_MS);
  addEventListener("message", ({ origin, source, data }) => {
    if (origin !== ORIGIN || source !== frame.contentWindow || typeof data !== "string") return;
    let info;
    try { ({ info } = JSON.parse(data)); } catch { return; }
    if (!info || typeof info !== "object") return;
    isHeard = true;
    clearInterval(asking);
    const { playerState: state, currentTime: time } = info;
    if (isPlaying && typeof time === "number") watch.at(time);
    if (typeof state !== "number" || (state === PLAYING) === isPlaying) return;
    isPlaying = state === PLAYING;
    if (!isPlaying) { watch.stop(); watch.send(); }
    if (state === 0) onEnd();
  });
}
