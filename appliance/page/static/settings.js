"use strict";
// After a save the form holds what is in the file now, so that the next save is compared with that.
const saved = $("saved");
saved?.addEventListener("answered", () => {
  const done = saved.querySelector("[data-digest]");
  if (!done) return;
  document.querySelectorAll("input[name='digest']").forEach((one) => { one.value = done.dataset.digest; });
  document.querySelectorAll("#settings input[type='password']").forEach((one) => { one.value = ""; });
  if ("reload" in done.dataset) location.reload();
});
