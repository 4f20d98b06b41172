// While another page of entries is on its way the table says so; the style sheet dims it after a moment.
let underWay = 0;

document.addEventListener("htmx:before:request", (event) => {
  if (event.detail.ctx.target?.id === "audit-table") mark(underWay += 1);
});

document.addEventListener("htmx:finally:request", (event) => {
  if (event.detail.ctx.target?.id === "audit-table") mark(underWay = Math.max(0, underWay - 1));
});

function mark(count) {
  document.getElementById("audit-table")?.setAttribute("aria-busy", count > 0 ? "true" : "false");
}
