// Popover menus open and close by HTML alone. Here: arrow keys inside them, and closing once something was chosen.
const STEPS = { ArrowDown: 1, ArrowUp: -1 };

document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.(".menu:popover-open, [popovertarget]");
  if (!menu || !(event.key in STEPS) || event.target.matches("input, select, textarea")) return;
  const open = menu.matches(".menu") ? menu : document.getElementById(menu.getAttribute("popovertarget"));
  if (!open?.matches(".menu:popover-open")) return;
  const items = [...open.querySelectorAll("a, button")].filter((item) => item.checkVisibility());
  if (!items.length) return;
  event.preventDefault();
  const at = items.indexOf(document.activeElement);
  const next = at < 0 && event.key === "ArrowUp" ? items.length - 1 : at + STEPS[event.key];
  items[(next + items.length) % items.length].focus();
});

document.addEventListener("click", (event) => {
  const chosen = event.target.closest?.(".menu :is(a[hx-get], [data-copy])");
  chosen?.closest(".menu").hidePopover();
});

// The dates stay open until they are accepted: a refusal is there to be corrected. Another menu is left alone when an
// answer arrives that was asked for elsewhere, as by typing.
document.addEventListener("htmx:after:swap", (event) => {
  const { target, sourceElement } = event.detail.ctx;
  if (target?.id === "audit-table") sourceElement?.closest(".menu:popover-open")?.hidePopover();
});

// The sidebar is a menu on narrow screens only.
matchMedia("(min-width: 1024px)").addEventListener("change", (query) => {
  const side = document.getElementById("side");
  if (query.matches && side?.matches(":popover-open")) side.hidePopover();
});
