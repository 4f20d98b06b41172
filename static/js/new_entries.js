// What is asked again and again is asked by the page, not by its reader: not while nobody looks, and not once refused.
document.addEventListener("htmx:before:request", (event) => {
  if (event.detail.ctx.sourceElement.matches?.("[data-quiet]") && document.hidden) event.preventDefault();
});

document.addEventListener("htmx:before:response", (event) => {
  const { sourceElement, response } = event.detail.ctx;
  if (!sourceElement.matches?.("[data-quiet]") || response.status < 400 || response.status >= 500) return;
  // What was said stays; its timer ends with the element that asks.
  if (sourceElement.id === "audit-new") return sourceElement.replaceWith(...sourceElement.childNodes);
  const still = sourceElement.cloneNode(true);
  for (const name of ["hx-get", "hx-trigger"]) still.removeAttribute(name);
  sourceElement.replaceWith(still);
});
