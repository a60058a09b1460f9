// Only what is nicer with a script: every page works without it.
"use strict";

// Moments in the reader's own time zone; the exact one in UTC stays in the title.
for (const time of document.querySelectorAll("time[datetime]")) {
  const at = new Date(time.dateTime);
  if (Number.isNaN(at.valueOf())) continue;
  time.title = time.dateTime;
  const isOfThisYear = at.getFullYear() === new Date().getFullYear();
  time.textContent = at.toLocaleString([], {
    year: isOfThisYear ? undefined : "numeric",
    month: "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
}

// On a narrow screen the menu may be longer than the screen.
document.querySelector(".top [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

// A box that ticks all others of its form.
for (const all of document.querySelectorAll("input[data-ticks]")) {
  all.hidden = false;
  all.addEventListener("change", () => {
    for (const box of all.form.elements) {
      if (box.name === all.dataset.ticks) box.checked = all.checked;
    }
  });
}

// Copies what stands in another element.
for (const button of document.querySelectorAll("button[data-copies]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent);
    button.textContent = "Copied";
  });
}
