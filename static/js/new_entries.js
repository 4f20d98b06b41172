// The question for new entries is asked by the page, not by its reader: not while nobody looks, and not once refused.
document.addEventListener("htmx:before:request", (event) => {
  if (event.detail.ctx.sourceElement.id === "audit-new" && document.hidden) event.preventDefault();
});

document.addEventListener("htmx:before:response", (event) => {
  const { sourceElement, response } = event.detail.ctx;
  if (sourceElement.id !== "audit-new" || response.status < 400 || response.status >= 500) return;
  sourceElement.replaceWith(...sourceElement.childNodes); // what was said stays; its timer ends with it
});
