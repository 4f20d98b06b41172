// Switching the theme without a reload. Without this script the same form is sent and the page comes back in the new one.
const menu = document.getElementById("theme-menu");

menu?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const chosen = event.submitter;
  show(chosen.value);
  menu.hidePopover();
  const body = new URLSearchParams(new FormData(menu, chosen));
  const answer = await fetch(menu.action, { method: "POST", body, redirect: "manual" }).catch(() => null);
  if (answer && (answer.ok || answer.type === "opaqueredirect")) return;
  document.dispatchEvent(new CustomEvent("toast", { detail: { text: "The theme was not saved; it lasts until you reload.", bad: true } }));
});

function show(theme) {
  const root = document.documentElement;
  if (theme === "system") delete root.dataset.theme;
  else root.dataset.theme = theme;
  document.querySelector("meta[name='color-scheme']").content = theme === "system" ? "light dark" : theme;
  for (const choice of menu.querySelectorAll("[aria-pressed]")) choice.setAttribute("aria-pressed", choice.value === theme);
}
