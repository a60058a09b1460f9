// What no page shows: what opens something, what stores keep of it, and more of an id than its end.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";

const PATIENCE = 2_000;

// Hashes of passwords, of whatever kind a store may have.
const HASHES = /\$(argon2|2[abxy]\$|scrypt)|(pbkdf2|bcrypt|scrypt)_?\w*\$/;
// The whole id of a token, or what is as long as a token, a digest, or the id of a session. Ids of API
// keys and of requests are shorter, and are shown.
const LONG = /\b(\d+-[0-9a-f]{16}|[0-9a-f]{40,})\b/;

export class Secrets {
  // What is being looked at, and how much was.
  #looks = [];
  #read = 0;
  #texts = new Set();

  // Takes a live token, or the id of a session: from now on neither it nor a digest of it may stand on
  // a page.
  keep(text) {
    const digest = (kind, of) => createHash(kind).update(of).digest("hex");
    for (const secret of [text, digest("sha512", text), digest("sha256", `session ${text}`)]) {
      this.#texts.add(secret);
    }
  }

  // Looks at the page that an answer brings, as it was sent; `complain` takes what is wrong with it.
  look(answer, context, complain) {
    const [kind] = (answer.headers()["content-type"] ?? "").split(";");
    if (kind === "text/html" && answer.status() !== 302) {
      this.#looks.push(this.#judge(answer, context, complain));
    }
  }

  // Returns once all is looked at; fails if there was nothing.
  async areLookedFor() {
    await Promise.all(this.#looks);
    assert.ok(this.#read > 0, "no page was read");
  }

  async #judge(answer, context, complain) {
    let html;
    try {
      // Of an answer that the browser did not take to its end it never tells.
      html = await Promise.race([answer.text(), wait(PATIENCE).then(() => Promise.reject())]);
      for (const { name, value } of await context.cookies()) {
        if (name.endsWith("authgate") && value !== "") this.keep(value);
      }
    } catch {
      // Nor of one that it has forgotten, having gone on.
      return;
    }
    this.#read += 1;
    const say = (what, text) => complain(`${answer.url()} shows ${what}: ${text}`);
    for (const secret of this.#texts) if (html.includes(secret)) say("a secret", secret);
    const hash = html.match(HASHES);
    if (hash) say("a hash", hash[0]);
    const long = visible(html).match(LONG);
    if (long) say("more than the end of an id", long[0]);
  }
}

// What people see of a page, but for what is shown once, when it is made.
function visible(html) {
  const isShownOnce = /shown (again|this once)/.test(html);
  const shown = isShownOnce ? html.replace(/<(code|pre)\b[^]*?<\/\1>/g, "") : html;
  return shown.replace(/<[^>]*>/g, " ");
}
