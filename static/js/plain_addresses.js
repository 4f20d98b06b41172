// Equal filters have equal addresses: fields left empty are not sent, and what may stand in a query is not escaped.
document.addEventListener("htmx:config:request", (event) => {
  const { method, body } = event.detail.ctx.request;
  if (method !== "GET" || !body) return;
  for (const [name, value] of [...body]) if (value === "") body.delete(name);
});

document.addEventListener("htmx:before:request", (event) => {
  const { request } = event.detail.ctx;
  if (request.method === "GET") request.action = spell(request.action);
});

const SPELLINGS = { "%2F": "/", "%3A": ":", "%7E": "~", "+": "%20", "*": "%2A" };

function spell(address) {
  return address.replace(/%2F|%3A|%7E|[+*]/g, (found) => SPELLINGS[found]);
}
