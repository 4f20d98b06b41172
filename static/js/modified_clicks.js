// Ctrl, Cmd, Shift and Alt clicks on links belong to the browser: htmx 4.0.1 swallows them without opening anything, and
// none of our own listeners is to hear of them. So this module is the first to listen.
document.addEventListener("click", (event) => {
  const modified = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
  if (modified && event.target.closest?.("a[href]")) event.stopImmediatePropagation();
}, true);
