// What pages share beside forms: dialogs, menus, toasts, copying, theme, the network, staying signed in.
import { onSignedOut, refresh } from "./api.js";
import { buttonOf, reload, start as startFocus } from "./focus.js";
import { say } from "./words.js";

const REFRESH_MS = 12 * 60 * 1000;

export function toast(text, { kind = "", action = "", run } = {}) {
  const region = document.querySelector("[data-toasts]");
  if (!region) return;
  const box = document.createElement("div");
  box.className = `toast ${kind}`;
  const words = document.createElement("span");
  words.textContent = text;
  box.append(words);
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = action || say("close");
  button.addEventListener("click", () => { box.remove(); run?.(); });
  if (action || kind === "bad") box.append(button);
  region.append(box);
  while (region.children.length > 3) region.firstElementChild.remove();
  if (kind === "bad") return;
  let timer = setTimeout(() => box.remove(), action ? 8000 : 6000);
  for (const start of ["pointerenter", "focusin"]) box.addEventListener(start, () => clearTimeout(timer));
  for (const end of ["pointerleave", "focusout"]) box.addEventListener(end, () => { timer = setTimeout(() => box.remove(), 3000); });
}

export function openDialog(dialog) {
  const from = document.activeElement;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => dialog.addEventListener("close", () => {
    if ([null, document.body].includes(document.activeElement) || dialog.contains(document.activeElement)) buttonOf(from)?.focus();
    done(dialog.returnValue);
  }, { once: true }));
}

export function setTheme(theme) {
  const root = document.documentElement;
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  else delete root.dataset.theme;
  document.cookie = `collegium_theme=${theme}; path=/; max-age=31536000; samesite=lax`;
  for (const each of document.querySelectorAll("[data-theme-choice]")) {
    each.setAttribute("aria-pressed", String(each.dataset.themeChoice === theme));
  }
}

function clicked(event) {
  const at = (name) => event.target.closest?.(`[${name}]`);
  const opener = at("data-open");
  if (opener) openDialog(document.querySelector(opener.dataset.open));
  const closer = at("data-close");
  if (closer && (closer.dataset.close !== "yes" || isTyped(closer.closest("dialog")))) closer.closest("dialog").close(closer.dataset.close);
  if (event.target.tagName === "DIALOG" && !event.target.querySelector("form[data-dirty]")) event.target.close("");
  const copier = at("data-copy");
  if (copier) copy(copier);
  const choice = at("data-theme-choice");
  if (choice) setTheme(choice.dataset.themeChoice);
  const reveal = at("data-reveal");
  if (reveal) show(reveal);
  if (at("data-reload")) reload();
  if (at("data-back")) history.back();
  if (at("data-print")) print();
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
}

function isTyped(dialog) {
  const input = dialog.querySelector("[data-typed]");
  if (!input) return true;
  const isSame = input.value.trim() === input.dataset.typed.trim();
  input.setAttribute("aria-invalid", String(!isSame));
  document.getElementById(`${input.id}-error`).hidden = isSame;
  if (isSame) input.value = "";
  else input.focus();
  return isSame;
}

function show(button) {
  const input = document.getElementById(button.getAttribute("aria-controls"));
  const shown = input.type === "password";
  input.type = shown ? "text" : "password";
  button.setAttribute("aria-pressed", String(shown));
}

async function copy(button) {
  const source = button.dataset.copy ? document.querySelector(button.dataset.copy) : button;
  try {
    await navigator.clipboard.writeText(source.value ?? source.textContent.trim());
    toast(say("copied"));
  } catch {
    toast(say("not_copied"), { kind: "bad" });
  }
}

function pressed(event) {
  const isTyping = event.target.closest?.("input, textarea, select, [contenteditable]");
  const menu = event.target.closest?.("details.menu[open]");
  if (event.key === "Escape" && menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
  if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey) {
    const search = document.querySelector("main input[type=search]") ?? document.querySelector("input[type=search]");
    if (search) {
      event.preventDefault();
      search.focus();
    }
  }
}

function network() {
  const bar = document.querySelector("[data-offline]");
  if (bar) bar.hidden = navigator.onLine;
}

function showCurrent() {
  for (const row of document.querySelectorAll("main nav")) {
    const here = row.querySelector(":scope > [aria-current]");
    if (!here || row.scrollWidth <= row.clientWidth) continue;
    const [at, around] = [here.getBoundingClientRect(), row.getBoundingClientRect()];
    row.scrollLeft += at.left - around.left - (around.width - at.width) / 2;
  }
}

function filterOnChange() {
  for (const form of document.querySelectorAll("form[data-auto]")) {
    let timer;
    form.addEventListener("submit", () => {
      clearTimeout(timer);
      for (const each of form.elements) if (each.name && !each.value) each.disabled = true;
    });
    form.addEventListener("change", () => {
      if (form.querySelector("[popover]:popover-open")) return;
      clearTimeout(timer);
      timer = setTimeout(() => form.requestSubmit(), 300);
    });
  }
}

async function staySignedIn() {
  const { body } = document;
  if ("mayRefresh" in body.dataset && !sessionStorage.getItem("refreshed")) {
    sessionStorage.setItem("refreshed", "1");
    if (await refresh()) location.reload();
    return;
  }
  if (!("signedIn" in body.dataset)) return;
  sessionStorage.removeItem("refreshed");
  let last = Date.now();
  const renew = async () => {
    if (document.visibilityState === "visible" && Date.now() - last > REFRESH_MS) {
      last = Date.now();
      await refresh();
    }
  };
  setInterval(renew, 60 * 1000);
  document.addEventListener("visibilitychange", renew);
}

export function start() {
  startFocus();
  document.addEventListener("click", clicked);
  document.addEventListener("keydown", pressed);
  addEventListener("online", network);
  addEventListener("offline", network);
  network();
  showCurrent();
  filterOnChange();
  staySignedIn();
  if (document.querySelector("dialog#sign-in-again")) onSignedOut(async () => (await import("./signed-out.js")).ask());
}
