// Menu buttons: the popover stands at its button; arrows, Home, End and first letters move, Tab and Escape leave.
const itemsOf = (menu) => [...menu.querySelectorAll("[role=menuitem]")];

function place(menu, button) {
  const [at, size] = [button.getBoundingClientRect(), menu.getBoundingClientRect()];
  const isRtl = getComputedStyle(menu).direction === "rtl";
  const x = isRtl ? at.left : at.right - size.width;
  const y = at.bottom + size.height + 8 < innerHeight ? at.bottom + 4 : Math.max(8, at.top - size.height - 4);
  menu.style.left = `${Math.max(8, Math.min(x, innerWidth - size.width - 8))}px`;
  menu.style.top = `${y}px`;
}

document.addEventListener("toggle", (event) => {
  const menu = event.target;
  if (!menu.matches?.(".menu-button [role=menu]")) return;
  const button = document.querySelector(`[popovertarget="${menu.id}"]`);
  const isOpen = event.newState === "open";
  button.setAttribute("aria-expanded", String(isOpen));
  if (!isOpen) return;
  place(menu, button);
  itemsOf(menu)[0]?.focus();
}, true);

document.addEventListener("click", (event) => {
  const item = event.target.closest?.(".menu-button [role=menuitem]");
  if (item) item.closest("[popover]").hidePopover();
});

document.addEventListener("keydown", (event) => {
  const button = event.target.closest?.(".menu-button > button");
  if (button && event.key === "ArrowDown") {
    event.preventDefault();
    document.getElementById(button.getAttribute("popovertarget")).showPopover();
  }
  const menu = event.target.closest?.(".menu-button [role=menu]");
  if (!menu) return;
  const items = itemsOf(menu);
  const at = items.indexOf(document.activeElement);
  const moves = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 };
  let next = items.at(moves[event.key] % items.length);
  if (event.key.length === 1 && /\S/.test(event.key)) {
    const letter = event.key.toLowerCase();
    next = [...items.slice(at + 1), ...items].find((each) => each.textContent.trim().toLowerCase().startsWith(letter));
  } else if (event.key === "Tab") menu.hidePopover();
  else if (!(event.key in moves)) return;
  if (event.key === "Tab") return;
  event.preventDefault();
  next?.focus();
});

document.addEventListener("scroll", () => document.querySelector(".menu-button :popover-open")?.hidePopover(), true);
