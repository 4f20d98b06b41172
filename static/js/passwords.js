// A button that shows what was typed into a password field.
for (const field of document.querySelectorAll("input[type='password']")) {
  const frame = document.createElement("span");
  frame.className = "withtoggle";
  field.before(frame);
  const button = document.createElement("button");
  button.type = "button";
  button.className = "showpassword";
  const show = (shown) => {
    field.type = shown ? "text" : "password";
    button.textContent = shown ? "Hide" : "Show";
    button.setAttribute("aria-label", shown ? "Hide password" : "Show password");
  };
  show(false);
  button.addEventListener("click", () => show(field.type === "password"));
  frame.append(field, button);
  field.form.addEventListener("submit", () => show(false)); // so that no browser remembers it as plain text
}
