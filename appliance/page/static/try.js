"use strict";
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
