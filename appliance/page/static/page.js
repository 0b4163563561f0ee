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

// Try: a file, or the microphone of the browser.
const send = (sound) => ask("try/sound?area=" + encodeURIComponent($("area").value), { method: "POST", body: sound, headers: { "Content-Type": "application/octet-stream" } }, $("answer"));
if ($("drop")) {
  const drop = $("drop"), button = $("record");
  $("file").addEventListener("change", (event) => { if (event.target.files[0]) send(event.target.files[0]); });
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer.files[0]) send(event.dataTransfer.files[0]);
  });
  let recorder = null;
  const say = (text) => { const p = document.createElement("p"); p.className = "problem"; p.setAttribute("role", "alert"); p.textContent = text; $("answer").replaceChildren(p); };
  button.addEventListener("click", async () => {
    if (recorder) { recorder.stop(); return; }
    if (!navigator.mediaDevices) { say(button.dataset.insecure); return; }
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
    } catch { say(button.dataset.refused); return; }
    const pieces = [];
    recorder = new MediaRecorder(stream);
    recorder.ondataavailable = (event) => pieces.push(event.data);
    recorder.onstop = () => {
      stream.getTracks().forEach((track) => track.stop());
      const kind = recorder.mimeType;
      recorder = null;
      button.setAttribute("aria-pressed", "false");
      button.textContent = button.dataset.start;
      send(new Blob(pieces, { type: kind }));
    };
    recorder.start();
    setTimeout(() => recorder?.state === "recording" && recorder.stop(), 30000);
    button.setAttribute("aria-pressed", "true");
    button.textContent = button.dataset.stop;
  });
}
