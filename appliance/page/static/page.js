"use strict";
// What the page does in the browser: it shows what the server sends, and sends what is asked.
const $ = (id) => document.getElementById(id);

// A form with data-into: the answer is HTML that goes into the element with this id.
async function ask(url, options, into) {
  into.setAttribute("aria-busy", "true");
  into.textContent = into.dataset.busy || "";
  try {
    const answer = await fetch(url, { ...options, headers: { ...options.headers, Accept: "text/plain" } });
    if (answer.status === 401) { location.assign("login"); return; }
    into.innerHTML = await answer.text();
    away(false);
  } catch {
    into.textContent = "";
    away(true);
  }
  into.removeAttribute("aria-busy");
}

function away(is) {
  const banner = $("away");
  if (banner.hidden === !is) return;
  banner.textContent = is ? document.body.dataset.offline : "";
  banner.hidden = !is;
}

document.addEventListener("submit", (event) => {
  const form = event.target, into = form.dataset.into && $(form.dataset.into);
  if (!into) return;
  event.preventDefault();
  const fields = new URLSearchParams(new FormData(form));
  if (event.submitter?.name) fields.set(event.submitter.name, event.submitter.value);
  ask(event.submitter?.getAttribute("formaction") || form.getAttribute("action"), { method: "POST", body: fields }, into);
});
