// The address is proposed from the name until one is typed, and the time zone is the browser's until one is chosen.
const { organisation, slug, zone } = document.querySelector("main form").elements;

let proposed = slug.value === "" || slug.value === made(organisation.value);
slug.addEventListener("input", () => { proposed = slug.value === ""; });
organisation.addEventListener("input", () => { if (proposed) slug.value = made(organisation.value); });

const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone.value === "" && [...zone.options].some((option) => option.value === here)) zone.value = here;

// As accounts/slugs.py makes it, which has the last word.
function made(name) {
  const letters = name.replace(/['’]/g, "").normalize("NFKD").replace(/[^\x00-\x7f]/g, "").toLowerCase();
  return letters.replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 40).replace(/-+$/, "");
}
