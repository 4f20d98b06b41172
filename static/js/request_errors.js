// A request that fails changes nothing: no swap, no new address (htmx 4.0.1 would push it), a toast that says why.
const LOST = "That page of entries did not load. Your place is kept.";

document.addEventListener("htmx:before:response", async (event) => {
  const { ctx } = event.detail;
  if (ctx.response.status < 400 || ctx.hx.redirect) return;
  event.preventDefault();
  if (isQuiet(ctx)) return;
  const { status, raw } = ctx.response;
  const told = status < 500 || status === 503; // 503: it takes too long, or cannot be done at the moment
  say(ctx, (told && await reason(raw)) || LOST, status >= 500);
});

document.addEventListener("htmx:error", (event) => {
  if (event.detail.ctx && !isQuiet(event.detail.ctx)) say(event.detail.ctx, LOST, true);
});

// What a page asks by itself, the reader did not ask for.
function isQuiet(ctx) {
  return ctx.sourceElement.matches?.("[data-quiet]");
}

function say(ctx, text, worthAnotherTry) {
  const beside = ctx.sourceElement.querySelector?.("[data-problem]");
  if (beside && !worthAnotherTry) return refuse(ctx.sourceElement, beside, text);
  const again = worthAnotherTry ? () => repeat(ctx) : undefined;
  document.dispatchEvent(new CustomEvent("toast", { detail: { text, bad: true, again } }));
}

// A form that has a place for it says what is wrong with it there, until something else is entered.
function refuse(form, beside, text) {
  const fields = form.querySelectorAll("[aria-describedby]");
  beside.textContent = text;
  beside.scrollIntoView({ block: "nearest" });
  fields.forEach((field) => field.setAttribute("aria-invalid", "true"));
  form.addEventListener("input", () => {
    beside.textContent = "";
    fields.forEach((field) => field.removeAttribute("aria-invalid"));
  }, { once: true });
}

function repeat({ sourceElement, request }) {
  const wentBack = "HX-History-Restore-Request" in request.headers;
  if (wentBack || !sourceElement.isConnected) location.reload();
  else if (sourceElement.matches("form")) sourceElement.requestSubmit();
  else sourceElement.click();
}

// A refusal of a fragment is a sentence; anything else is a page that holds one.
async function reason(response) {
  const text = await response.text();
  if (response.headers.get("Content-Type")?.startsWith("text/plain")) return text.trim();
  return new DOMParser().parseFromString(text, "text/html").querySelector("[data-reason]")?.textContent.trim();
}
