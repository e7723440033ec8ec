// Where somebody goes on who makes an account: kept in this browser until they sign in, as long as a mailed link counts.
const NAME = "collegium_next";
const DAY_MS = 24 * 3600 * 1000;

export function keep(path) {
  localStorage.setItem(NAME, JSON.stringify({ path, until: Date.now() + DAY_MS }));
  lead();
}

export function kept() {
  const { path, until } = JSON.parse(localStorage.getItem(NAME) || "{}");
  return path && until > Date.now() ? path : "";
}

export const forget = () => localStorage.removeItem(NAME);
export const signInWith = (path) => `/sign-in?next=${encodeURIComponent(path)}`;

export function lead() {
  const path = kept();
  for (const each of document.querySelectorAll("[data-to-sign-in]")) if (path) each.href = signInWith(path);
}
