import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { flow } from "../flow.mjs";

await flow(async ({ gateway, operator, step }) => {
  const ada = await operator();

  await step("an operator makes a token, which is shown once with a line that works", async () => {
    await ada.signIn("ada", { isNew: true });
    await gateway.register("grace");
    await openUser(ada, "grace");
    await ada.follow("New token");
    await ada.fill({ Name: "nightly backup" });
    await ada.field("For a time of its own:").check();
    await ada.fill({ "How many": "2" });
    await ada.field("Unit").selectOption("hours");
    await ada.press("Create");
    await ada.reads("It is not shown again.");
    const token = await ada.page.locator("#token").innerText();
    assert.equal(await gateway.statusOf(token), 200);
    const line = await ada.page.locator("#curl").innerText();
    assert.match(execFileSync("sh", ["-c", `${line} --silent`], { encoding: "utf8" }), /"grace"/);
    await ada.page.reload({ waitUntil: "commit" }).catch(() => {});
    await openUser(ada, "grace");
    assert.ok(!(await ada.page.content()).includes(token));
    await ada.reads("nightly backup");
  });

  await step("one token is revoked and dead within a second, the others live on", async () => {
    const [first, second] = [await gateway.token("grace"), await gateway.token("grace")];
    await openUser(ada, "grace");
    // The newest comes first.
    await ada.page.getByRole("button", { name: /^Revoke token/ }).first().click();
    await ada.reads(/^Token …[0-9a-f]{4} has ended\.$/);
    await gateway.untilDead(second);
    assert.equal(await gateway.statusOf(first), 200);
  });

  await step("all tokens but one are revoked", async () => {
    const [first, second] = [await gateway.token("grace"), await gateway.token("grace")];
    await openUser(ada, "grace");
    await ada.page.getByRole("link", { name: /^Revoke others/ }).first().click();
    await ada.press("Revoke the others");
    await ada.reads("All other tokens of the user have ended.");
    await gateway.untilDead(first);
    assert.equal(await gateway.statusOf(second), 200);
  });

  await step("all tokens and sessions of a user are ended", async () => {
    const token = await gateway.token("grace");
    await openUser(ada, "grace");
    await ada.follow("End all sessions");
    await ada.press("End all sessions");
    await ada.reads("All tokens, sessions and API keys of the user have ended.");
    await gateway.untilDead(token);
    await ada.reads("They have no live token.");
  });

  await step("a token that was found somewhere is pasted, known, and revoked", async () => {
    const token = await gateway.token("grace");
    await ada.goTo("Tokens");
    await ada.sees("Tokens");
    const label = "Find a token by itself or by its id";
    await ada.fill({ [label]: `Authorization: Token ${token}` });
    await ada.press("Find");
    await ada.reads("This token is good.");
    await ada.row("grace").waitFor();
    assert.ok(!(await ada.page.content()).includes(token));
    assert.ok(!ada.page.url().includes(token));
    await ada.page.getByRole("button", { name: /^Revoke token/ }).click();
    await ada.reads(/^Token …[0-9a-f]{4} has ended\.$/);
    await gateway.untilDead(token);
    await ada.fill({ [label]: token });
    await ada.press("Find");
    await ada.reads("There is no such token, or it has ended already");
    assert.ok(!gateway.log().includes(token), "the token stands in the log");
  });

  await step("all of it stands among the events", async () => {
    await ada.learnsOf("token created", "grace", "ada");
    await ada.learnsOf("token revoked", "grace", "ada");
    await ada.learnsOf("tokens revoked", "grace", "ada");
  });
});

async function openUser(ada, name) {
  await ada.visit("/users/");
  await ada.follow(name);
  await ada.sees(name);
}
