// Putting things in order: by the grip with a pointer or with keys, by buttons, or into another list. docs/writing-pages.md
import { wordsOf } from "./words.js";

export function snapshot(root) {
  return [...root.querySelectorAll("[data-list]")].map((list) => [list, [...list.children]]);
}

export function restore(before) {
  for (const [list, items] of before) list.append(...items);
}

export function placeOf(item) {
  const list = item.parentElement;
  const items = [...list.children].filter((each) => each.dataset.item);
  return { title: item.dataset.title, place: items.indexOf(item) + 1, total: items.length, list: list.dataset.name };
}

// One step; at the end of a list, into the next one of its kind.
export function step(root, item, direction) {
  const up = direction === "up";
  const beside = up ? item.previousElementSibling : item.nextElementSibling;
  if (beside) {
    if (up) beside.before(item);
    else beside.after(item);
    return true;
  }
  const lists = [...root.querySelectorAll(`[data-list="${item.parentElement.dataset.list}"]`)];
  const next = lists[lists.indexOf(item.parentElement) + (up ? -1 : 1)];
  if (!next) return false;
  if (up) next.append(item);
  else next.prepend(item);
  return true;
}

function start(root) {
  const say = wordsOf(root);
  let held = null;
  const tell = (what, item) => { root.querySelector("[data-live]").textContent = say(what, placeOf(item)); };
  const gripOf = (event) => event.target.closest?.("[data-grip]");
  const itemOf = (element) => element.closest("[data-item]");

  function lift(item, by) {
    held = { item, by, before: snapshot(root) };
    item.dataset.lifted = by;
  }

  function end(done) {
    const { item, before } = held;
    held = null;
    delete item.dataset.lifted;
    const moved = before.some(([list, items]) => items.some((each, place) => list.children[place] !== each));
    if (!done) restore(before);
    tell(done ? "down" : "back", item);
    if (done && moved) changed(item, before);
  }

  function changed(item, before) {
    root.dispatchEvent(new CustomEvent("reordered", { bubbles: true, detail: { item, before } }));
  }

  function pressed(event) {
    const grip = gripOf(event);
    if (!grip) return;
    const item = itemOf(grip);
    if (event.key === " " || event.key === "Enter") {
      event.preventDefault();
      if (held) return end(true);
      lift(item, "keys");
      tell("lifted", item);
    } else if (held && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      event.preventDefault();
      if (step(root, item, event.key === "ArrowUp" ? "up" : "down")) tell("moved", item);
      grip.focus();
      item.scrollIntoView({ block: "nearest" });
    } else if (held && event.key === "Escape") {
      event.preventDefault();
      end(false);
      grip.focus();
    } else if (held && event.key === "Tab") end(true);
  }

  function clicked(event) {
    const button = event.target.closest?.("[data-move]");
    if (!button || held) return;
    const item = itemOf(button);
    const before = snapshot(root);
    if (step(root, item, button.dataset.move)) changed(item, before);
    tell("moved", item);
    button.focus();
  }

  function grabbed(event) {
    const grip = gripOf(event);
    if (!grip || event.button || held) return;
    lift(itemOf(grip), "pointer");
    document.addEventListener("pointermove", dragged);
    document.addEventListener("pointerup", dropped, { once: true });
    document.addEventListener("pointercancel", cancelled, { once: true });
  }

  function dragged(event) {
    const kind = held.item.parentElement.dataset.list;
    const under = document.elementFromPoint(event.clientX, event.clientY);
    const list = under?.closest(`[data-list="${kind}"]`);
    const over = under?.closest(`[data-list="${kind}"] > [data-item]`);
    if (!root.contains(under) || over === held.item) return;
    if (over) {
      const { top, height } = over.getBoundingClientRect();
      if (event.clientY < top + height / 2) over.before(held.item);
      else over.after(held.item);
    } else if (list && list !== held.item.parentElement && !list.contains(held.item)) list.append(held.item);
  }

  function dropped() { letGo(true); }
  function cancelled() { letGo(false); }
  function letGo(done) {
    document.removeEventListener("pointermove", dragged);
    document.removeEventListener("pointerup", dropped);
    document.removeEventListener("pointercancel", cancelled);
    if (held?.by === "pointer") end(done);
  }

  root.addEventListener("keydown", pressed);
  root.addEventListener("click", clicked);
  root.addEventListener("pointerdown", grabbed);
}

for (const root of document.querySelectorAll("[data-reorder]")) start(root);
