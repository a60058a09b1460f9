// The gateway under test, as its clients and its operator at the machine have it.

import { execFileSync } from "node:child_process";
import { appendFileSync, readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { Secrets } from "./secrets.mjs";

export const PASSWORD = "pass-Word-123";

export class Gateway {
  // `place` is what tests/it/browser.rs says of it.
  constructor(place) {
    Object.assign(this, place);
    this.origin = `http://${this.address}`;
    // What browsers got from it: methods and paths of the console.
    this.visited = new Set();
    this.secrets = new Secrets();
  }

  // Runs a verb of the command line, and says what it printed.
  run(verb, input = "") {
    const options = { encoding: "utf8", input, stdio: ["pipe", "pipe", "pipe"] };
    return execFileSync(this.program, [...verb, "--config", this.config], options);
  }

  // Makes an account at the command line.
  createUser(name, ...flags) {
    this.run(["user", "create", name, ...flags, "--password-stdin"], PASSWORD);
  }

  // Has it read its settings again, with these added.
  reload(more) {
    appendFileSync(this.config, more);
    process.kill(this.process, "SIGHUP");
  }

  // Has Redis not answer while something is done.
  async withoutStore(act) {
    process.kill(this.redis.process, "SIGSTOP");
    try {
      await act();
    } finally {
      process.kill(this.redis.process, "SIGCONT");
    }
  }

  // Has Redis take nothing, or as much as it can.
  fillStore(isFull) {
    const words = ["CONFIG", "SET", "maxmemory", isFull ? "1" : "0"];
    execFileSync("redis-cli", ["-u", this.redis.url, ...words]);
  }

  // Ends a token as its user does, or all of theirs.
  async logout(token, { everywhere = false } = {}) {
    const headers = { Authorization: `Token ${token}` };
    const path = everywhere ? "/api/logoutall/" : "/api/logout/";
    return (await fetch(this.origin + path, { method: "POST", headers })).status;
  }

  // All that the gateway has said so far.
  log() {
    return readFileSync(this.stdout, "utf8") + readFileSync(this.stderr, "utf8");
  }

  // Logs a user of the app in; the status and what was answered.
  async login(username, password = PASSWORD, headers = {}) {
    return this.#post("/api/login/", { username, password }, headers);
  }

  // A new token of a user.
  async token(username, password = PASSWORD) {
    const { body } = await this.login(username, password);
    if (!body.token) throw new Error(`no token for ${username}: ${JSON.stringify(body)}`);
    return body.token;
  }

  // Makes an account as anyone can; its first token.
  async register(username) {
    const { status, body } = await this.#post("/api/register/", { username, password: PASSWORD });
    if (!body.token) throw new Error(`${username} is not registered: ${status}`);
    return body.token;
  }

  // The status of a request to the app with this token.
  async statusOf(token) {
    const headers = { Authorization: `Token ${token}` };
    return (await fetch(`${this.origin}/app`, { headers })).status;
  }

  // Fails unless the app is closed for this token within a second.
  async untilDead(token) {
    await eventually("the token's end", async () => (await this.statusOf(token)) === 401, 1_000);
  }

  async #post(path, body, headers = {}) {
    const answer = await fetch(this.origin + path, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    const said = await answer.json();
    if (said.token) this.secrets.keep(said.token);
    return { status: answer.status, body: said };
  }
}

// Asks again and again until the answer is yes.
export async function eventually(what, look, patience = 20_000) {
  const deadline = Date.now() + patience;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await wait(20);
  }
}
