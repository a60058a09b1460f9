// Only what is nicer with a script: every page works without it.
"use strict";

// Moments in the reader's own time zone; the exact one in UTC stays in the title.
function localize(time) {
  const at = new Date(time.dateTime);
  if (Number.isNaN(at.valueOf())) return;
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
for (const time of document.querySelectorAll("time[datetime]")) localize(time);
for (const text of document.querySelectorAll("svg text[data-at]")) {
  const at = new Date(text.dataset.at);
  text.textContent = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}
for (const zone of document.querySelectorAll("[data-zone]")) zone.hidden = true;
const zoneName = new Intl.DateTimeFormat().resolvedOptions().timeZone;
for (const zone of document.querySelectorAll("[data-zone-name]")) zone.textContent = `(${zoneName})`;

// Fields for moments are read and shown in the reader's zone, and sent in UTC.
for (const field of document.querySelectorAll("input[data-utc]")) {
  const fieldOf = (at) => at.toISOString().slice(0, field.defaultValue.length > 16 ? 19 : 16);
  const at = new Date(`${field.defaultValue}Z`);
  if (!Number.isNaN(at.valueOf())) {
    field.value = fieldOf(new Date(at - at.getTimezoneOffset() * 60_000));
  }
  field.form.addEventListener("formdata", (event) => {
    const typed = new Date(field.value);
    if (!Number.isNaN(typed.valueOf())) event.formData.set(field.name, fieldOf(typed));
  });
}

// On a narrow screen the menu may be longer than the screen.
document.querySelector(".top [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

// A box that ticks all others of its table.
for (const all of document.querySelectorAll("input[data-ticks]")) {
  all.hidden = false;
  all.addEventListener("change", () => {
    for (const box of all.closest("table").querySelectorAll("input[type=checkbox]")) {
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

// The live log: what is kept of events comes at the top of the page.
for (const table of document.querySelectorAll("table[data-live]")) follow(table);

function follow(table) {
  const MOST = 500;
  const MOST_TRIES = 20;
  const body = table.tBodies[0];
  const state = document.querySelector("[data-live-state]");
  const pause = document.querySelector("[data-live-pause]");
  const known = new Set(Array.from(body.rows, (row) => row.dataset.key));
  const held = [];
  let [paused, place, problem, tries] = [false, "", null, 0];

  const element = (name, text, className) => {
    const made = document.createElement(name);
    if (text !== undefined && text !== null) made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  const cell = (row, label, className, ...children) => {
    const made = element("td", null, className);
    made.dataset.label = label;
    made.append(...children.filter(Boolean));
    row.append(made);
  };
  const rowOf = (event) => {
    const row = element("tr", null, "fresh");
    row.dataset.key = event.key;
    const time = element("time", event.timestamp);
    time.dateTime = event.timestamp;
    localize(time);
    cell(row, "Time", "", time);
    cell(row, "Event", "", element("span", event.words, `badge ${event.tone}`));
    let user = null;
    if (event.user !== null) {
      user = element("a");
      user.href = `${table.dataset.users}${event.user_id}/`;
      user.append(element("bdi", event.user));
    }
    cell(row, "User", "long", user);
    cell(row, "From", "", event.address);
    cell(row, "By", "long", event.operator === null ? element("span", event.by, "faint")
      : element("bdi", event.operator));
    const details = element("details");
    const summary = element("summary", null, event.detail === null ? "faint" : "");
    summary.append(element("bdi", event.detail ?? "all fields"));
    const facts = element("dl", null, "facts");
    for (const [name, value] of Object.entries(event)) {
      if (value === null || ["key", "words", "by", "tone"].includes(name)) continue;
      const told = element("dd");
      told.append(element("bdi", String(value)));
      facts.append(element("dt", name), told);
    }
    details.append(summary, facts);
    cell(row, "Detail", "long", details);
    return row;
  };
  const show = (event) => {
    for (const empty of document.querySelectorAll("[data-live-empty]")) empty.remove();
    const row = rowOf(event);
    body.prepend(row);
    setTimeout(() => row.classList.remove("fresh"), 4000);
    while (body.rows.length > MOST) {
      known.delete(body.rows[body.rows.length - 1].dataset.key);
      body.deleteRow(-1);
    }
  };
  const tell = () => {
    const words = problem ?? (paused ? `Paused. ${held.length} new.` : "Live: the newest first.");
    if (state.textContent !== words) state.textContent = words;
  };
  const failed = (words) => {
    problem = words;
    tell();
  };
  const ended = (words) => {
    if (paused) pause.click();
    pause.hidden = true;
    failed(words);
  };

  // The browser comes again by itself after an end, but not after a refusal, as while the store is away.
  const connect = () => {
    const address = new URL(table.dataset.live, location.href);
    if (place !== "") address.searchParams.set("after", place);
    const source = new EventSource(address);
    source.onopen = () => {
      tries = 0;
      failed(null);
    };
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) {
        tries += 1;
        if (tries > MOST_TRIES) return ended("Not live any more: reload the page.");
        setTimeout(connect, 1000 * Math.min(2 ** tries, 30));
      }
      failed("Disconnected: it is tried again.");
    };
    source.addEventListener("end", ({ data }) => {
      source.close();
      ended(data === "displaced"
        ? "Not live any more: newer pages of yours follow the log. Reload this one to follow it here."
        : "Not live any more: you have to sign in again.");
    });
    source.onmessage = (message) => {
      place = message.lastEventId;
      receive(JSON.parse(message.data));
    };
  };
  const receive = (event) => {
    if (known.has(event.key)) return;
    known.add(event.key);
    if (paused) {
      held.push(event);
      if (held.length > MOST) held.shift();
    } else show(event);
    tell();
  };
  connect();
  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Resume" : "Pause";
    if (!paused) held.splice(0).forEach(show);
    tell();
  });
}
