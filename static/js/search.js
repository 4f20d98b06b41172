// The search field: it searches while one types, and shows what the page it belongs to was searched for.
//
// An opening quote or a minus is only a beginning: nothing is searched for yet, and neither is it an error.
const BEGINNING = /^[\s"“”„‟＂-]+$/;

document.addEventListener("htmx:config:request", (event) => {
  const { sourceElement, sourceEvent, request } = event.detail.ctx;
  if (sourceElement.id !== "search" || sourceEvent?.type === "submit" || !BEGINNING.test(request.body.get("q"))) return;
  if (new URLSearchParams(location.search).has("q")) request.body.delete("q");
  else event.preventDefault();
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
