// Where the tabs do not fit they scroll sideways: a fade shows that there is more, and the current one is in view.
const observed = new WeakSet();

function tend() {
  const tabs = document.querySelector(".tabs");
  if (!tabs) return;
  if (!observed.has(tabs)) {
    observed.add(tabs);
    tabs.addEventListener("scroll", () => fade(tabs), { passive: true });
    new ResizeObserver(() => fade(tabs)).observe(tabs);
  }
  reveal(tabs, tabs.querySelector("[aria-current]"));
  fade(tabs);
}

function reveal(tabs, current) {
  if (!current) return;
  const room = 48;
  const start = current.getBoundingClientRect().left - tabs.getBoundingClientRect().left + tabs.scrollLeft;
  const end = start + current.offsetWidth;
  if (start - room < tabs.scrollLeft) tabs.scrollLeft = start - room;
  else if (end + room > tabs.scrollLeft + tabs.clientWidth) tabs.scrollLeft = end + room - tabs.clientWidth;
}

function fade(tabs) {
  tabs.classList.toggle("fade-start", tabs.scrollLeft > 2);
  tabs.classList.toggle("fade-end", tabs.scrollLeft + tabs.clientWidth < tabs.scrollWidth - 2);
}

tend();
document.addEventListener("htmx:after:swap", (event) => {
  if (event.detail.ctx.target?.id !== "audit-new") tend();
});
