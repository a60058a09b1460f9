import assert from "node:assert/strict";
import { PASSWORD } from "../gateway.mjs";
import { flow } from "../flow.mjs";

await flow(async ({ gateway, operator, step }) => {
  const ada = await operator();
  let token;

  await step("there is something on every page", async () => {
    await ada.signIn("ada", { isNew: true });
    for (const name of ["grace", "edsger"]) await gateway.register(name);
    gateway.run(["user", "deactivate", "edsger"]);
    for (let turn = 0; turn < 3; turn += 1) await gateway.login("grace", "wrong");
    await gateway.login("grace");
    token = await gateway.token("grace");
    await gateway.statusOf(token);
    gateway.createUser("bob", "--staff");
    gateway.run(["limits", "deny", "203.0.113.7", "--note", "guesses passwords"]);
    gateway.run(["limits", "allow", "198.51.100.0/24", "--for", "1h"]);
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
    "/users/2/deactivate/",
    "/users/2/end-sessions/",
    "/users/4/demote/",
    "/users/4/password/",
    "/users/2/promote/",
    "/users/?done=deleted",
    "/users/2/tokens/new/",
    "/users/act/?act=delete&user=2&user=3",
    "/tokens/",
    "/limits/",
    "/limits/?done=network-denied",
    "/limits/clear/all/",
    "/limits/networks/?network=203.0.113.7&treatment=deny&for=1h",
    "/limits/networks/forget/?network=203.0.113.7",
    "/events/",
    "/events/?text=nothing",
    "/routes/",
    "/routes/explain/",
    "/settings/",
    "/account/",
    "/account/password/",
    "/account/sessions/end/",
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

  await step("that something is not proved is told to everyone", async () => {
    await ada.fill({ Username: "barbara" });
    await ada.field("Staff: they may pass where only staff may, and sign in here").check();
    await ada.press("Create");
    await ada.page.getByRole("alert").waitFor();
    await ada.hasNoBarriers();
    await ada.field("Staff: they may pass where only staff may, and sign in here").uncheck();
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

  await step("what comes of a search or a question is told to everyone", async () => {
    await ada.visit("/tokens/");
    await ada.fill({ "Find a token by itself or by its id": token });
    await ada.press("Find");
    await ada.row("grace").waitFor();
    await ada.hasNoBarriers();
    await gateway.login("grace");
    await ada.visit("/users/2/");
    await ada.page.getByRole("link", { name: /^Revoke others, all but/ }).first().click();
    await ada.sees("Revoke other tokens");
    await ada.hasNoBarriers();
    await ada.visit("/routes/explain/");
    await ada.fill({ "Path, with its query": "/app" });
    await ada.press("Explain");
    await ada.page.getByRole("heading", { name: "Routes at or above this path" }).waitFor();
    await ada.hasNoBarriers();
    await ada.visit("/users/act/?act=deactivate&user=1&user=3");
    await ada.press("Deactivate 2 users");
    await ada.reads("Done for 1 user.");
    await ada.hasNoBarriers();
  });

  await step("keys and apps are for everyone", async () => {
    await ada.visit("/account/keys/");
    await ada.fill({ Name: "deploy", "Your present password": PASSWORD });
    await ada.field("read users").check();
    await ada.press("Make the key");
    await ada.sees("Your new API key");
    await ada.hasNoBarriers();
    await ada.follow("Back to your keys");
    await ada.hasNoBarriers();
    await ada.follow("Revoke the key deploy");
    await ada.hasNoBarriers();
    await ada.visit("/account/totp/");
    await ada.fill({ "Your present password": PASSWORD });
    await ada.press("Show the QR code");
    await ada.page.getByRole("img", { name: "The key as a QR code" }).waitFor();
    await ada.fill({ Code: "000000" });
    await ada.press("Turn it on");
    await ada.page.getByRole("alert").waitFor();
    await ada.hasNoBarriers();
  });
});
