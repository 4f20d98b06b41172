// Who leaves a form that says so, with something in it that is not saved, is asked whether they mean to.
let unsaved = false;

document.addEventListener("input", (event) => {
  if (event.target.closest("form[data-unsaved]")) unsaved = true;
});

document.addEventListener("submit", () => (unsaved = false));

addEventListener("beforeunload", (event) => {
  if (unsaved) event.preventDefault();
});
