// The search field: it searches while one types, and shows what the page it belongs to was searched for.
document.addEventListener("htmx:before:request", (event) => {
  const { sourceElement, sourceEvent } = event.detail.ctx;
  if (sourceElement.id !== "search" || sourceEvent?.type === "submit") return;
  const typed = sourceElement.elements.q.value;
  if (typed.trim() && !/[\p{L}\p{N}]/u.test(typed)) event.preventDefault(); // a quote or a minus is only a beginning
});

// A morph leaves the field alone while it has the focus: right while typing, wrong when the page changed by another way.
document.addEventListener("htmx:after:swap", (event) => {
  const { ctx } = event.detail;
  const field = document.getElementById("q");
  const isAnotherPage = ["audit-table", "audit"].includes(ctx.target?.id) && ctx.sourceElement?.id !== "search";
  if (field && isAnotherPage) field.value = field.defaultValue;
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.id === "q" && !event.target.value) event.target.blur();
});
