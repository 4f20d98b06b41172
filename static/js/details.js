// The details row under an entry. The arrow is a link to the entry's own page; htmx fetches its details from there once.
document.addEventListener("click", (event) => {
  const arrow = event.target.closest?.(".x");
  if (!arrow || event.button !== 0) return;
  const details = detailsOf(arrow);
  if (!details && !arrow.dataset.loading) {
    arrow.dataset.loading = "true";
    return; // to htmx
  }
  event.preventDefault();
  event.stopPropagation();
  if (details) show(arrow, details, details.hidden);
}, true);

document.addEventListener("htmx:after:swap", (event) => {
  const arrow = event.detail.ctx.sourceElement;
  if (arrow?.matches?.(".x") && detailsOf(arrow)) show(arrow, detailsOf(arrow), true);
});

document.addEventListener("htmx:finally:request", (event) => {
  delete event.detail.ctx.sourceElement?.dataset?.loading;
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || document.querySelector(":popover-open, dialog[open]")) return;
  const row = event.target.closest?.(".row.is-open") ?? event.target.closest?.(".detail")?.previousElementSibling;
  const arrow = row?.querySelector(".x");
  if (!arrow) return;
  show(arrow, detailsOf(arrow), false);
  arrow.focus();
});

// A link may name an entry of its page: it comes open. One that has moved to another page has its own.
addEventListener("load", () => {
  const [, id] = location.hash.match(/^#e-([0-9A-Z]{13})$/) ?? [];
  const table = id && document.querySelector("#audit-table");
  if (!table) return;
  const arrow = document.querySelector(`#e-${id} .x`);
  if (arrow) {
    clickWhenReady(arrow);
    const pinned = document.querySelector("#pinned > span"); // it may be out of sight
    if (pinned) document.dispatchEvent(new CustomEvent("toast", { detail: { text: pinned.textContent } }));
  } else location.replace(`${location.pathname}/entries/${id}`);
});

// Until htmx has seen the arrow, a click would lead to the entry's own page.
function clickWhenReady(arrow, tries = 100) {
  if ("htmxPowered" in arrow.dataset) arrow.click();
  else if (tries) setTimeout(clickWhenReady, 50, arrow, tries - 1);
}

function detailsOf(arrow) {
  const next = arrow.closest("tr").nextElementSibling;
  return next?.matches(".detail") ? next : null;
}

function show(arrow, details, open) {
  details.hidden = !open;
  arrow.setAttribute("aria-expanded", open);
  arrow.closest("tr").classList.toggle("is-open", open);
}
