// What has been watched: stretches of seconds, told to the server every ten seconds of play and kept here until it knows.
import { call, refresh } from "../portal/api.js";

const EVERY_MS = 10_000;
const JUMP_S = 3;
const MOST_RANGES = 200;
const PREFIX = "collegium.watched.";

function read(key) {
  try { return JSON.parse(localStorage.getItem(key)); } catch { return null; }
}

function write(key, report) {
  try {
    if (report) localStorage.setItem(key, JSON.stringify(report));
    else localStorage.removeItem(key);
  } catch { /* A browser that keeps nothing counts what it sends at once. */ }
}

function united(ranges) {
  const all = [];
  for (const [from, to] of [...ranges].sort((one, other) => one[0] - other[0])) {
    const last = all.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else all.push([from, to]);
  }
  return all;
}

const atMost = (report) => ({ ...report, ranges: report.ranges.slice(0, MOST_RANGES) });
const address = (video) => `/api/v1/videos/${video}/progress`;

async function post(video, report) {
  const send = () => fetch(address(video), {
    method: "POST", keepalive: true, headers: { "Content-Type": "application/json" }, body: JSON.stringify(report),
  });
  const answer = await send();
  return answer.status === 401 && await refresh() ? send() : answer;
}

// `moved` gets each answer about this video, `kept` is told that nothing goes out, `ended` that nothing counts any more.
export function watching({ video, viewer, seconds }, { moved, kept, ended }) {
  const key = `${PREFIX}${viewer}.${video}`;
  const total = Number(seconds);
  let from = null;
  let last = 0;
  let busy = 0;
  let isOver = false;
  let isAsked = false;
  let report = read(key) || { position: null, ranges: [], total_seconds: total };
  const unsent = report.position;

  function cut() {
    if (from !== null && last > from) {
      const range = [Math.floor(from), Math.min(Math.round(last), total)];
      report.position = range[1];
      if (range[1] > range[0]) report.ranges = busy ? [...report.ranges, range] : united([...report.ranges, range]);
      write(key, report);
    }
    from = from === null ? null : last;
  }

  function sentAre(ranges, answer) {
    const sent = ranges.map(String);
    report.ranges = report.ranges.filter((each) => !sent.includes(String(each)));
    write(key, report.ranges.length ? report : null);
    moved(answer);
  }

  async function send() {
    if (isOver || report.position === null) return;
    const body = atMost(report);
    busy += 1;
    try {
      const answer = await post(video, body);
      if (answer.ok) sentAre(body.ranges, await answer.json());
      else if (answer.status === 401 && !isAsked && document.visibilityState === "visible") {
        // The dialog to sign in, once: whoever closes it watches on, and what they watch is kept.
        isAsked = true;
        sentAre(body.ranges, await call("POST", address(video), body));
        isAsked = false;
      } else if (![401, 408, 429].includes(answer.status) && answer.status < 500) {
        write(key, null);
        isOver = answer.status === 403 || answer.status === 404;
        report.ranges = [];
        if (isOver) ended();
      } else kept();
    } catch {
      kept();
    } finally {
      busy -= 1;
    }
  }

  async function sendOthers() {
    const mine = Object.keys(localStorage).filter((each) => each.startsWith(`${PREFIX}${viewer}.`) && each !== key);
    for (const each of mine) {
      const kept = read(each);
      const answer = kept && await post(each.split(".").at(-1), atMost(kept)).catch(() => null);
      if (!kept) write(each, null);
      if (answer && answer.status < 500 && ![401, 429].includes(answer.status)) write(each, null);
    }
  }

  setInterval(() => { if (from !== null && last > from) { cut(); send(); } }, EVERY_MS);
  const leave = () => { if (document.visibilityState === "hidden") { cut(); send(); } };
  document.addEventListener("visibilitychange", leave);
  addEventListener("pagehide", () => { cut(); send(); });
  addEventListener("online", () => { send(); sendOthers().catch(() => {}); });
  if (report.ranges.length) send();
  sendOthers().catch(() => {});

  return {
    unsent,
    at(time) {
      if (from === null) from = time;
      else if (time < last || time - last > JUMP_S) { cut(); from = time; }
      last = time;
    },
    stand(time) { report.position = Math.min(Math.floor(time), total); },
    stop() { cut(); from = null; },
    send,
  };
}
