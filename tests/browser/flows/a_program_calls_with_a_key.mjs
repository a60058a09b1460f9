import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { PASSWORD } from "../gateway.mjs";
import { flow } from "../flow.mjs";

await flow(async ({ gateway, operator, step }) => {
  const ada = await operator();
  let key;

  await step("an operator makes a key, which is shown once with a line that works", async () => {
    await ada.signIn("ada", { isNew: true });
    await gateway.register("grace");
    await ada.follow("ada");
    await ada.follow("Your API keys");
    await ada.sees("API keys");
    await ada.fill({ Name: "deploy", "Your present password": PASSWORD });
    await ada.field("read users").check();
    await ada.press("Make the key");
    await ada.sees("Your new API key");
    const line = await ada.page.locator("pre").innerText();
    key = line.match(/Bearer (\S+?)'/)[1];
    const said = execFileSync("sh", ["-c", `${line} --silent`], { encoding: "utf8" });
    assert.match(said, /"deploy"/);
    await ada.follow("Back to your keys");
    assert.ok(!(await ada.page.content()).includes(key));
  });

  await step("with it a program reads users, and writes nothing", async () => {
    const { status, body } = await call("/users?search=gra");
    assert.equal(status, 200, JSON.stringify(body));
    assert.match(JSON.stringify(body), /"grace"/);
    const wish = { method: "POST", body: JSON.stringify({ username: "mallory" }) };
    assert.equal((await call("/users", wish)).status, 403);
    assert.notEqual((await call("/tokens")).status, 200);
  });

  await step("a key that is revoked opens nothing any more", async () => {
    await ada.follow("Revoke the key deploy");
    await ada.press("Revoke the key");
    await ada.reads("You have no keys.");
    assert.equal((await call("/users")).status, 401);
    await ada.learnsOf("api key created", "ada", "deploy");
    await ada.learnsOf("api key revoked", "ada", "deploy");
  });

  async function call(path, options = {}) {
    const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
    const url = `${gateway.origin}/admin/api/v1${path}`;
    const answer = await fetch(url, { headers, ...options });
    return { status: answer.status, body: await answer.json() };
  }
});
