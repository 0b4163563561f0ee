"use strict";
// An element with data-refresh is fetched again from there every data-every seconds. It is left alone
// if nothing has changed, so that what somebody fills in stays.
const shown = new WeakMap();

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
  setTimeout(refresh, part.dataset.every * 1000, part);
}

for (const part of document.querySelectorAll("[data-refresh]")) setTimeout(refresh, part.dataset.every * 1000, part);
