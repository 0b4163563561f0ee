"use strict";
// The editor of sentence files: numbers and marks of lines, a check while one types, and the save.
const editor = $("editor");
if (editor) {
  const text = $("text"), lines = $("lines"), checked = $("checked"), saved = $("saved");
  let marks = new Map(), original = text.value, timer = 0, asked = null;

  const draw = () => {
    const count = text.value.split("\n").length;
    lines.replaceChildren(...Array.from({ length: count }, (_, index) => {
      const line = document.createElement("span");
      line.textContent = index + 1 + "\n";
      line.className = marks.get(index + 1) || "";
      return line;
    }));
    lines.scrollTop = text.scrollTop;
  };
  const goTo = (line) => {
    const before = text.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    const end = text.value.indexOf("\n", before);
    text.focus();
    text.setSelectionRange(before, end < 0 ? text.value.length : end);
    text.scrollTop = Math.max(0, (line - 5) * parseFloat(getComputedStyle(text).lineHeight));
  };
  const mark = (where) => {
    marks = new Map([...where.querySelectorAll("[data-line]")].map((one) => [Number(one.dataset.line), one.dataset.kind]));
    draw();
  };
  const check = async () => {
    if (!editor.dataset.check) return; // a viewer's page
    asked?.abort();
    asked = new AbortController();
    const { signal } = asked;
    const fields = new URLSearchParams(new FormData(editor));
    try {
      const answer = await fetch(editor.dataset.check, { method: "POST", body: fields, signal });
      if (answer.status === 401) { location.assign("login"); return; }
      const html = await answer.text();
      if (checked.innerHTML !== html) checked.innerHTML = html;
      mark(checked);
      away(false);
    } catch { if (!signal.aborted) away(true); }
  };
  const soon = () => { clearTimeout(timer); timer = setTimeout(check, 500); };

  text.addEventListener("input", () => { draw(); soon(); });
  text.addEventListener("scroll", () => { lines.scrollTop = text.scrollTop; });
  $("tried")?.addEventListener("input", soon);
  $("tried")?.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); check(); } });
  for (const place of [checked, saved]) place.addEventListener("click", (event) => { if (event.target.dataset?.line) goTo(Number(event.target.dataset.line)); });
  saved.addEventListener("answered", () => {
    const done = saved.querySelector("[data-digest]");
    if (!done) { mark(saved); return; }
    original = text.value;
    document.querySelectorAll("input[name='digest']").forEach((one) => { one.value = done.dataset.digest; });
    if (done.dataset.open) location.assign(done.dataset.open);
  });
  addEventListener("beforeunload", (event) => { if (text.value !== original) event.preventDefault(); });
  draw();
  check();
}
