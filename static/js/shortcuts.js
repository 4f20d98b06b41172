// Single keys on the audit log. Off inside fields, with modifiers, under an open menu, and for whoever switched them off.
const keys = {
  "/": () => document.getElementById("q")?.select(),
  j: () => step(1),
  k: () => step(-1),
  "[": () => document.querySelector(".pager [rel='prev']")?.click(),
  "]": () => document.querySelector(".pager [rel='next']")?.click(),
  c: () => document.getElementById("copy-link")?.click(),
  "?": () => document.getElementById("shortcuts").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (document.body.dataset.shortcuts !== "on" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input, textarea, select, [contenteditable]")) return;
  if (document.querySelector("dialog[open], :popover-open")) return;
  const act = keys[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act();
});

document.getElementById("shortcuts")?.addEventListener("click", (event) => {
  if (event.target === event.currentTarget) event.target.close(); // the veil around the list
});

function step(direction) {
  const arrows = [...document.querySelectorAll(".log .row .x")];
  const here = document.activeElement.closest(".row, .detail");
  const row = here?.matches(".detail") ? here.previousElementSibling : here;
  const at = row ? arrows.indexOf(row.querySelector(".x")) : firstInSight(arrows) - direction;
  arrows[Math.max(0, Math.min(arrows.length - 1, at + direction))]?.focus();
}

function firstInSight(arrows) {
  const covered = parseFloat(getComputedStyle(document.documentElement).scrollPaddingTop) || 0;
  const first = arrows.findIndex((arrow) => arrow.getBoundingClientRect().top >= covered);
  return first < 0 ? arrows.length - 1 : first;
}
