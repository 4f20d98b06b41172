// The actor menu: a combobox over the options that the list of actors has. Without this script its button leads there.
const TYPING_STOPS_AFTER = 180;

let newest = 0;
let waiting;

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("#actor-btn");
  if (!button || event.button !== 0) return;
  event.preventDefault();
  open(button);
});

document.addEventListener("keydown", (event) => {
  if (event.key !== " " || event.target.id !== "actor-btn") return;
  event.preventDefault(); // a button answers to the space bar too
  open(event.target);
});

// It is a link until this script is here to make it a button.
function tend() {
  const button = document.getElementById("actor-btn");
  if (!button) return;
  button.setAttribute("role", "button");
  button.setAttribute("aria-haspopup", "dialog");
  button.setAttribute("aria-expanded", document.getElementById("actor-pop").matches(":popover-open"));
}

tend();
document.addEventListener("htmx:after:swap", tend);
document.addEventListener("toggle", tend, true);

document.addEventListener("input", (event) => {
  if (event.target.id !== "actor-name") return;
  clearTimeout(waiting);
  waiting = setTimeout(() => load(event.target), TYPING_STOPS_AFTER);
});

document.addEventListener("keydown", (event) => {
  const field = event.target;
  if (field.id !== "actor-name" || event.isComposing) return;
  const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (move) {
    event.preventDefault();
    activate(field, neighbour(move));
  } else if (event.key === "Enter") {
    event.preventDefault();
    active()?.click();
  }
});

function open(button) {
  const menu = document.getElementById("actor-pop");
  if (menu.matches(":popover-open")) return menu.hidePopover();
  const field = menu.querySelector("input");
  field.value = "";
  menu.showPopover({ source: button });
  field.focus();
  load(field);
}

async function load(field) {
  const mine = newest += 1;
  const address = new URL(document.getElementById("actor-pop").dataset.actors, location.href);
  if (field.value.trim()) address.searchParams.set("name", field.value.trim());
  try {
    const answer = await fetch(address, { headers: { "HX-Request": "true", "HX-Request-Type": "partial" } });
    if (answer.status === 401) location.assign(answer.headers.get("HX-Redirect"));
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const html = await answer.text();
    if (mine === newest) show(field, html);
  } catch {
    if (mine === newest) say("The list of actors did not load.");
  }
}

function show(field, html) {
  const list = document.getElementById("actor-list");
  const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("actor-list");
  list.replaceWith(fresh);
  htmx.process(fresh);
  const chosen = fresh.querySelector("[aria-selected='true']");
  activate(field, chosen ?? (field.value ? fresh.querySelector("[role='option']") : null));
  const count = fresh.querySelectorAll("[role='option']").length;
  document.getElementById("actor-count").textContent = `${count} ${count === 1 ? "actor" : "actors"}`;
}

function active() {
  return document.querySelector("#actor-list .is-active");
}

function neighbour(move) {
  const options = [...document.querySelectorAll("#actor-list [role='option']")];
  const at = options.indexOf(active());
  return options[at < 0 && move < 0 ? options.length - 1 : (at + move + options.length) % options.length];
}

function activate(field, option) {
  active()?.classList.remove("is-active");
  if (option) {
    option.classList.add("is-active");
    option.scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", option.id);
  } else {
    field.removeAttribute("aria-activedescendant");
  }
}

function say(text) {
  document.dispatchEvent(new CustomEvent("toast", { detail: { text, bad: true } }));
}
