"use strict";
// Log: its lines as they come, and the archive for a bug report.
const lines = $("lines");
watch(lines.dataset.events, {
  start: () => lines.replaceChildren(),
  lines: (html) => {
    const follows = lines.scrollTop + lines.clientHeight > lines.scrollHeight - 40;
    $("no-lines").hidden = true;
    lines.insertAdjacentHTML("beforeend", html);
    while (lines.children.length > 500) lines.firstElementChild.remove();
    if (follows) lines.scrollTop = lines.scrollHeight;
  },
});

$("bundle")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target, button = form.querySelector("button"), said = $("bundle-said");
  button.disabled = true;
  said.textContent = form.dataset.busy;
  try {
    const answer = await fetch(form.getAttribute("action"), { method: "POST", headers: { Accept: "text/plain" }, body: new URLSearchParams() });
    if (answer.status === 401) { location.assign("login"); return; }
    if (answer.ok) {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(await answer.blob());
      link.download = answer.headers.get("content-disposition").split('"')[1];
      link.click();
      said.textContent = link.download;
    } else {
      said.innerHTML = await answer.text();
    }
  } catch {
    said.textContent = "";
    away(true);
  }
  button.disabled = false;
});
