"use strict";
// Live: what happens now, and the last results.
const results = $("results");
watch($("live").dataset.events, {
  start: () => results.replaceChildren(),
  result: (html) => {
    $("nothing").hidden = true;
    results.insertAdjacentHTML("afterbegin", html);
    while (results.children.length > 50) results.lastElementChild.remove();
  },
  now: (now) => {
    $("dot").className = "dot " + now.activity;
    if ($("activity").textContent !== now.activity_text) $("activity").textContent = now.activity_text;
    $("microphone").textContent = now.microphone;
    $("level").value = now.level ?? 0;
    $("level-text").textContent = now.level_text;
    $("words").textContent = now.words || "\u00a0";
  },
});
