import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { flow } from "../flow.mjs";

await flow(async ({ gateway, operator, step }) => {
  const ada = await operator({ javaScriptEnabled: false });

  await step("an operator signs in", async () => {
    await ada.signIn("ada", { isNew: true });
    await ada.sees("Overview");
  });

  await step("makes a user and sees the password", async () => {
    await ada.goTo("Users");
    await ada.follow("New user");
    await ada.fill({ Username: "grace" });
    await ada.press("Create");
    const password = await ada.page.locator("#password").innerText();
    assert.equal((await gateway.login("grace", password)).status, 200);
    const token = await gateway.token("grace", password);
    await ada.follow("To the page of grace");
    await ada.page.getByRole("button", { name: /^Revoke token/ }).first().click();
    await ada.reads("has ended.");
    await gateway.untilDead(token);
  });

  await step("locks many out", async () => {
    const token = await gateway.register("edsger");
    await ada.goTo("Users");
    for (const name of ["edsger", "grace"]) await ada.field(`Select ${name}`).check();
    await ada.press("Deactivate");
    await ada.press("Deactivate 2 users");
    await ada.reads("Done for 2 users.");
    await gateway.untilDead(token);
  });

  await step("searches and exports", async () => {
    await ada.visit("/users/");
    await ada.fill({ "Name or address begins with": "g" });
    await ada.press("Search");
    await ada.page.waitForURL(/q=g/);
    assert.equal(await ada.row("grace").count(), 1);
    const download = ada.page.waitForEvent("download");
    await ada.follow("Export as CSV");
    assert.match(await readFile(await (await download).path(), "utf8"), /grace/);
  });

  await step("finds every page of the menu", async () => {
    for (const heading of ["Overview", "Users", "Tokens", "Limits", "Events", "Routes", "Settings"]) {
      await ada.visit("/");
      await ada.goTo(heading);
    }
    await ada.follow("ada");
    await ada.sees("Your account");
  });

  await step("signs out", async () => {
    await ada.press("Sign out");
    await ada.sees("Sign in");
  });
});
