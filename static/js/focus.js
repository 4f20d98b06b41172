// Where the keyboard is after a swap: a tab keeps it, a new page of entries begins at its heading, and it is never lost.
const cameFrom = new WeakMap();

document.addEventListener("htmx:before:request", (event) => {
  const { ctx } = event.detail;
  cameFrom.set(ctx, ctx.sourceElement.closest?.(".tabs, .pager, .chips, .filters, #audit-table"));
});

document.addEventListener("htmx:after:swap", (event) => {
  const { ctx } = event.detail;
  if (ctx.target?.id !== "audit-table") return;
  const from = cameFrom.get(ctx);
  if (from?.matches(".pager, #audit-table")) {
    scrollTo({ top: 0 });
    heading()?.focus({ preventScroll: true });
  } else if (document.activeElement === document.body) {
    const next = from?.matches(".chips") && document.querySelector(".chips a, .filters .pick");
    (next || heading())?.focus({ preventScroll: true });
  }
});

function heading() {
  return document.querySelector("h1[tabindex='-1']");
}
