import assert from "node:assert/strict";
import { PASSWORD } from "../gateway.mjs";
import { flow } from "../flow.mjs";

await flow(async ({ gateway, operator, step }) => {
  const ada = await operator();

  await step("whoever is not signed in is asked to, and then gets the page that they wanted", async () => {
    gateway.createUser("ada", "--staff");
    await ada.visit("/settings/");
    await ada.sees("Sign in");
    await ada.hasNoBarriers();
    await ada.fill({ Username: "ada", Password: PASSWORD });
    await ada.press("Sign in");
    await ada.page.waitForURL("**/admin/settings/");
  });

  await step("after signing out, the back button shows no page of the console", async () => {
    await ada.visit("/");
    await ada.sees("Overview");
    await ada.press("Sign out");
    await ada.sees("Sign in");
    await ada.page.goBack();
    await ada.sees("Sign in");
  });

  await step("a wrong password is told, and the form is there for another try", async () => {
    await ada.signIn("ada", { password: "wrong" });
    await ada.reads("Nobody of the staff has this username and password.");
    await ada.hasNoBarriers();
    await ada.fill({ Username: "ada", Password: PASSWORD });
    await ada.press("Sign in");
    await ada.sees("Overview");
  });

  await step("who is no operator does not get in", async () => {
    const mallory = await operator();
    await gateway.register("mallory");
    await mallory.signIn("mallory");
    await mallory.reads("Nobody of the staff has this username and password.");
  });

  await step("a password that changes elsewhere ends the session", async () => {
    gateway.run(["user", "set-password", "ada", "--password-stdin"], "another-Word-456");
    await ada.visit("/");
    await ada.sees("Sign in");
    await ada.signIn("ada", { password: "another-Word-456" });
    await ada.sees("Overview");
    assert.equal(new URL(ada.page.url()).pathname, "/admin/");
  });

  await step("all of it stands among the events", async () => {
    await ada.learnsOf("console signed in", "ada");
    await ada.learnsOf("console sign in failed", "ada");
    await ada.learnsOf("console signed out", "ada");
    await ada.learnsOf("password changed", "ada", "the command line");
  });
});
