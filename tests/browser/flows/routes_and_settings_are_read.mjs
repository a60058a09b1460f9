import assert from "node:assert/strict";
import { flow } from "../flow.mjs";

await flow(async ({ gateway, operator, step }) => {
  const ada = await operator();

  await step("the routes are in the order of matching, with who may pass", async () => {
    await ada.signIn("ada", { isNew: true });
    await ada.goTo("Routes");
    const paths = await ada.column("Path");
    assert.deepEqual([...paths].sort(), ["/", "/nobody", "/optional", "/public", "/staff"]);
    await ada.row("/staff").filter({ hasText: "staff" }).waitFor();
    await ada.page.getByRole("region", { name: "Upstream app" }).waitFor();
  });

  await step("what would become of a request is explained", async () => {
    await gateway.register("grace");
    await ada.follow("Explain a request");
    for (const [path, sender, user, told] of [
      ["/public/x", "Nobody, without a token", "", "It goes to app"],
      ["/staff/x", "A user, with a good token", "grace", "403"],
      ["/x", "Nobody, without a token", "", "401"],
    ]) {
      await ada.fill({ "Path, with its query": path });
      await ada.field("Sent by").selectOption({ label: sender });
      await ada.fill({ "The user, if one sends it": user });
      await ada.press("Explain");
      await ada.page.getByRole("status").filter({ hasText: told }).waitFor();
    }
  });

  await step("the settings have their values and origins, and no secret", async () => {
    await ada.goTo("Settings");
    const row = ada.row("trusted_proxies");
    await row.filter({ hasText: "127.0.0.0/8" }).filter({ hasText: "authgate.toml" }).waitFor();
    await ada.row("session_lifetime").filter({ hasText: "default" }).waitFor();
    await ada.page.getByRole("link", { name: /^Set by you/ }).click();
    await ada.page.waitForURL(/show=changed/);
    assert.equal(await ada.row("session_lifetime").count(), 0);
  });

  await step("settings that are read again are at work, and such as will not do are told of", async () => {
    gateway.reload("[admin]\nidle_timeout = \"29m\"\n");
    await ada.learnsOf("settings reloaded");
    await ada.visit("/settings/");
    await ada.row("idle_timeout").filter({ hasText: "29m" }).waitFor();
    gateway.reload("nonsense = 1\n");
    await ada.learnsOf("reload refused", "nonsense");
    await ada.visit("/settings/");
    await ada.page.locator(".alert").filter({ hasText: "nonsense" }).waitFor();
    await ada.hasNoBarriers();
    await ada.visit("/");
    await ada.reads("The settings were to be read again and have mistakes: those before hold.");
    await ada.hasNoBarriers();
    await ada.learnsOf("gateway started");
  });
});
