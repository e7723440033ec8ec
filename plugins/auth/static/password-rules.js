// Ticks the rules of a new password while it is typed.
for (const list of document.querySelectorAll("[data-password-rules]")) {
  const input = list.closest("form").querySelector("[data-new-password]");
  const rules = [...list.querySelectorAll("[data-rule]")].map((item) => [item, new RegExp(item.dataset.rule, "u")]);
  input?.addEventListener("input", () => {
    for (const [item, rule] of rules) item.dataset.met = String(rule.test(input.value));
  });
}
