"use strict";
// An element with data-refresh is fetched again from there every data-every seconds; while nothing in it
// is in progress, every data-idle seconds. It is left alone if nothing has changed, so that what
// somebody fills in stays.
const shown = new WeakMap(), timers = new WeakMap();

async function refresh(part) {
  if (!document.hidden && !part.hasAttribute("aria-busy")) {
    try {
      const options = { headers: { Accept: "text/plain" }, signal: AbortSignal.timeout(10000) };
      const answer = await fetch(part.dataset.refresh, options);
      if (answer.status === 401) { location.assign("login"); return; }
      const html = await answer.text();
      if (answer.ok && !part.hasAttribute("aria-busy") && shown.get(part) !== html) {
        shown.set(part, html);
        put(part, html);
      }
      away(false);
    } catch {
      away(true);
    }
  }
  again(part);
}

function again(part) {
  const { every, idle } = part.dataset;
  clearTimeout(timers.get(part));
  timers.set(part, setTimeout(refresh, (part.querySelector("progress") ? every : idle || every) * 1000, part));
}

for (const part of document.querySelectorAll("[data-refresh]")) {
  part.addEventListener("answered", () => again(part));
  again(part);
}
