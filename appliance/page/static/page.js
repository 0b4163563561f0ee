"use strict";
// What the page does in the browser: it shows what the server sends, and sends what is asked.
const $ = (id) => document.getElementById(id);

// A form with data-into: the answer is HTML that goes into the element with this id. That shows its
// data-busy meanwhile, and what went wrong in the element of its data-problem, if it has these.
async function ask(url, options, into) {
  into.setAttribute("aria-busy", "true");
  if (into.dataset.busy) into.textContent = into.dataset.busy;
  const problem = $(into.dataset.problem);
  problem?.replaceChildren();
  try {
    const answer = await fetch(url, { ...options, headers: { ...options.headers, Accept: "text/plain" } });
    if (answer.status === 401) { location.assign("login"); return; }
    put(answer.ok ? into : problem ?? into, await answer.text());
    away(false);
  } catch {
    if (into.dataset.busy) into.textContent = "";
    away(true);
  }
  into.removeAttribute("aria-busy");
  into.dispatchEvent(new Event("answered"));
}

// The keyboard stays where it was, if that is still there.
function put(element, html) {
  const focus = element.contains(document.activeElement) && document.activeElement.id;
  element.innerHTML = html;
  if (focus) $(focus)?.focus();
}

function away(is) {
  const banner = $("away");
  if (banner.hidden === !is) return;
  banner.textContent = is ? document.body.dataset.offline : "";
  banner.hidden = !is;
  if (!is && wanted) location.assign(wanted);
}

// Every page notices when the appliance is away, and when it is back. A link that is followed
// meanwhile is followed then: the browser has no page of its own for that which comes back.
let wanted = null, beating = 0;
async function beat() {
  clearTimeout(beating);
  if (!document.hidden) {
    try {
      const answer = await fetch("alive", { headers: { Accept: "text/plain" }, signal: AbortSignal.timeout(8000) });
      if (answer.status === 401) { location.assign("login"); return; }
      away(false);
    } catch {
      away(true);
    }
  }
  beating = setTimeout(beat, $("away").hidden ? 5000 : 2000);
}
beating = setTimeout(beat, 5000);
document.addEventListener("visibilitychange", beat);
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  if (!link || $("away").hidden || link.getAttribute("href").startsWith("#")) return;
  event.preventDefault();
  wanted = link.href;
});

document.addEventListener("submit", (event) => {
  const form = event.target, into = form.dataset.into && $(form.dataset.into);
  if (!into && $("away").hidden) return;
  event.preventDefault();
  if (!into) return;
  const fields = new URLSearchParams(new FormData(form));
  if (event.submitter?.name) fields.set(event.submitter.name, event.submitter.value);
  ask(event.submitter?.getAttribute("formaction") || form.getAttribute("action"), { method: "POST", body: fields }, into);
});

// Server-sent events, each with its handler; the browser connects again by itself, and so does this
// if that gave up.
function watch(address, handlers) {
  const events = new EventSource(address);
  events.onopen = () => away(false);
  for (const name in handlers) events.addEventListener(name, (event) => handlers[name](JSON.parse(event.data)));
  events.onerror = async () => {
    away(true);
    if (events.readyState !== EventSource.CLOSED) return;
    setTimeout(watch, 2000, address, handlers);
    const answer = await fetch(location.href, { headers: { Accept: "text/plain" } }).catch(() => null);
    if (answer?.status === 401) location.assign("login");
  };
}
