"use strict";
// Live: server-sent events; the browser connects again by itself, and so does this if it gave up.
function watch(live) {
  const events = new EventSource(live.dataset.events), results = $("results");
  events.addEventListener("start", () => { results.replaceChildren(); away(false); });
  events.addEventListener("result", (event) => {
    $("nothing").hidden = true;
    results.insertAdjacentHTML("afterbegin", JSON.parse(event.data));
    while (results.children.length > 50) results.lastElementChild.remove();
  });
  events.addEventListener("now", (event) => {
    const now = JSON.parse(event.data);
    $("dot").className = "dot " + now.activity;
    if ($("activity").textContent !== now.activity_text) $("activity").textContent = now.activity_text;
    $("microphone").textContent = now.microphone;
    $("level").value = now.level ?? 0;
    $("level-text").textContent = now.level_text;
    $("words").textContent = now.words || "\u00a0";
  });
  events.onerror = async () => {
    away(true);
    if (events.readyState !== EventSource.CLOSED) return;
    setTimeout(() => watch(live), 2000);
    const answer = await fetch("live", { headers: { Accept: "text/plain" } }).catch(() => null);
    if (answer?.status === 401) location.assign("login");
  };
}
if ($("live")) watch($("live"));
