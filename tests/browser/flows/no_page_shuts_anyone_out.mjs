import assert from "node:assert/strict";
import { flow } from "../flow.mjs";

await flow(async ({ gateway, operator, step }) => {
  const ada = await operator();

  await step("there is something on every page", async () => {
    await ada.signIn("ada", { isNew: true });
    for (const name of ["grace", "edsger"]) await gateway.register(name);
    gateway.run(["user", "deactivate", "edsger"]);
    for (let turn = 0; turn < 3; turn += 1) await gateway.login("grace", "wrong");
    await gateway.login("grace");
    await gateway.statusOf(await gateway.token("grace"));
  });

  for (const path of [
    "/",
    "/users/",
    "/users/?q=nobody",
    "/users/new/",
    "/users/2/",
    "/users/2/email/",
    "/users/2/password/",
    "/users/2/delete/",
    "/users/2/tokens/new/",
    "/users/act/?act=delete&user=2&user=3",
    "/tokens/",
    "/limits/",
    "/limits/clear/all/",
    "/events/",
    "/events/?text=nothing",
    "/routes/",
    "/routes/explain/",
    "/settings/",
    "/account/",
    "/account/password/",
    "/account/totp/",
    "/account/keys/",
    "/nowhere/",
  ]) {
    await step(`${path} is for everyone`, async () => {
      await ada.visit(path);
      assert.equal(await ada.page.getByRole("heading", { level: 1 }).count(), 1);
      await ada.hasNoBarriers();
    });
  }

  await step("what is wrong is told to everyone", async () => {
    await ada.visit("/users/new/");
    await ada.press("Create");
    await ada.page.getByRole("alert").waitFor();
    await ada.hasNoBarriers();
  });

  await step("what is shown once is shown to everyone", async () => {
    await ada.fill({ Username: "barbara" });
    await ada.press("Create");
    await ada.reads("The password of barbara is set.");
    await ada.hasNoBarriers();
    await ada.follow("To the page of barbara");
    await ada.follow("New token");
    await ada.press("Create");
    await ada.reads("It is not shown again.");
    await ada.hasNoBarriers();
  });
});
