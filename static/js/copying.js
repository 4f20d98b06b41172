// Links that are to be copied rather than followed: data-copy holds the text itself, data-copy-from the address of it.
// A button that only copies is hidden until it can. Where data-copy-open is set, an entry that is open becomes part of it.
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

// What has just been typed to search for is part of the view, also before it was asked; so is an entry that is open.
function onScreen(copy) {
  const address = new URL(copy);
  const search = document.getElementById("q");
  const typed = search?.value.trim();
  if (search && typed !== search.defaultValue.trim()) {
    for (const place of ["before", "after", "oldest", "q"]) address.searchParams.delete(place);
    if (typed) address.searchParams.set("q", typed);
    return address.href;
  }
  const open = document.querySelector(".row.is-open");
  return open ? `${copy}#${open.id}` : copy;
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
