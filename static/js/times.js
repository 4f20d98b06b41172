// "4 min ago" grows older while the page is open. The words are the server's; see presentation of times there.
const MINUTE = 60_000;
const DAY = 24 * 60;

setInterval(() => {
  for (const time of document.querySelectorAll(".row time")) {
    if (!/^just now$|ago$/.test(time.textContent)) continue;
    const words = since(Math.floor((Date.now() - Date.parse(time.dateTime)) / MINUTE)) ?? clock(time);
    if (words && words !== time.textContent) time.textContent = words;
  }
}, MINUTE);

function since(minutes) {
  if (minutes >= DAY) return null;
  if (minutes < 1) return "just now";
  return minutes < 60 ? `${minutes} min ago` : `${Math.floor(minutes / 60)} h ago`;
}

// The full date in the title is in the reader's zone.
function clock(time) {
  return time.title.match(/\d\d:\d\d/)?.[0];
}
