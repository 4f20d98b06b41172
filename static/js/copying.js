// Links that are to be copied rather than followed: data-copy holds the text itself, data-copy-from the address of it.
// A button that only copies is hidden until it can. Where data-copy-open is set, an entry that is open becomes part of it.
// What is typed is part of a link that is copied, and of one with data-typed that is followed: to share or to export it.
for (const button of document.querySelectorAll("button[data-copy][hidden]")) button.hidden = false;

document.addEventListener("click", async (event) => {
  const link = event.target.closest?.("[data-copy], [data-copy-from]");
  if (!link || event.button !== 0) return;
  event.preventDefault();
  const { copy, copyFrom } = link.dataset;
  try {
    await write("copyOpen" in link.dataset ? onScreen(copy) : copy ?? await read(copyFrom));
    tell(link.dataset.copied ?? (copy ? "Link copied" : "JSON copied"));
  } catch {
    tell("It could not be copied. Open it in a new tab instead.", true);
  }
});

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-typed]");
  const address = link && event.button === 0 && withTyped(link.href);
  if (!address) return;
  event.preventDefault();
  location.assign(address);
});

function onScreen(copy) {
  const open = document.querySelector(".row.is-open");
  return withTyped(copy) ?? (open ? `${copy}#${open.id}` : copy);
}

// Return a link with what has just been typed, to search for or as dates: it is part of the view before it was asked, too.
function withTyped(link) {
  const address = new URL(link, location.href);
  const search = document.getElementById("q");
  const text = search?.value.trim();
  const range = document.querySelector("#date-pop form.range");
  const isSearch = search && text !== search.defaultValue.trim();
  const isRange = range && [...range.querySelectorAll("[type=date]")].some(isAnother);
  if (!isSearch && !isRange) return null;
  for (const place of ["before", "after", "oldest"]) address.searchParams.delete(place);
  if (isSearch) put(address, "q", text);
  if (isRange) {
    address.searchParams.delete("last");
    for (const name of ["from", "to", "tz"]) put(address, name, range.elements[name].value);
  }
  return address.href;
}

// Half a date has no value: it is not one that was taken away.
function isAnother(field) {
  return !field.validity.badInput && field.value !== field.defaultValue;
}

function put(address, name, value) {
  if (value) address.searchParams.set(name, value);
  else address.searchParams.delete(name);
}

async function read(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return answer.text();
}

// The clipboard is closed to pages that are not served by https or from this machine, and where someone said no.
async function write(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "vh";
    const before = document.activeElement;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    before?.focus();
    if (!done) throw new Error("no clipboard");
  }
}

function tell(text, bad = false) {
  document.dispatchEvent(new CustomEvent("toast", { detail: { text, bad } }));
}
