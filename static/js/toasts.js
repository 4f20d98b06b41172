// Short messages at the foot of the page. Anyone says one with a "toast" event:
// { text, bad: false, again: function to run for "Try again" }.
const STAYS_FOR = 5000;

document.addEventListener("toast", (event) => {
  const { text, bad = false, again } = event.detail;
  const region = document.getElementById(bad ? "alerts" : "notices");
  const toast = document.createElement("div");
  toast.className = bad ? "toast bad" : "toast";
  toast.append(icon(bad ? "circle-alert" : "circle-check"), words(text));
  if (again) toast.append(button("btn sm", "Try again", () => { toast.remove(); again(); }));
  if (bad) toast.append(closing(toast));
  else setTimeout(() => toast.remove(), STAYS_FOR);
  region.replaceChildren(toast);
});

// A page that did load makes an earlier failure old news.
document.addEventListener("htmx:after:swap", (event) => {
  if (event.detail.ctx.target?.id === "audit-table") document.getElementById("alerts").replaceChildren();
});

function words(text) {
  const span = document.createElement("span");
  span.textContent = text;
  return span;
}

function button(className, label, run) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = className;
  made.textContent = label;
  made.addEventListener("click", run);
  return made;
}

function closing(toast) {
  const made = button("iconbtn", "", () => toast.remove());
  made.setAttribute("aria-label", "Dismiss");
  made.append(icon("x"));
  return made;
}

// The sprite's address carries a hash that only the server knows, so it is read off an icon already on the page.
function icon(name) {
  const sprite = document.querySelector("svg.ic use").getAttribute("href").split("#")[0];
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "ic");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `${sprite}#i-${name}`);
  svg.append(use);
  return svg;
}
