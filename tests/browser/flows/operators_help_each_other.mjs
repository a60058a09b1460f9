import assert from "node:assert/strict";
import { PASSWORD, eventually } from "../gateway.mjs";
import { flow } from "../flow.mjs";
import { totp } from "../totp.mjs";

const NEW = "another-Word-456";

await flow(async ({ gateway, operator, step }) => {
  const ada = await operator();
  const bob = await operator();
  let page;

  // Opens bob's page.
  const openBob = async () => {
    await ada.visit(page);
    await ada.sees("bob");
  };

  await step("an operator has a key and an authenticator app", async () => {
    await ada.signIn("ada", { isNew: true });
    await bob.signIn("bob", { isNew: true });
    await bob.visit("/account/keys/");
    await bob.fill({ Name: "deploy", "Your present password": PASSWORD });
    await bob.field("read users").check();
    await bob.press("Make the key");
    await bob.sees("Your new API key");
    await bob.visit("/account/totp/");
    await bob.fill({ "Your present password": PASSWORD });
    await bob.press("Show the QR code");
    const secret = await bob.page.locator("#totp-secret").innerText();
    await bob.fill({ Code: totp(secret) });
    await bob.press("Turn it on");
    await bob.sees("The authenticator app is set up");
    await ada.visit("/users/");
    await ada.follow("bob");
    await ada.sees("bob");
    page = new URL(ada.page.url()).pathname.replace("/admin", "");
  });

  await step("another operator revokes the key", async () => {
    await openBob();
    await ada.hasNoBarriers();
    await ada.follow("Revoke the key deploy");
    await ada.hasNoBarriers();
    await ada.press("Revoke the key");
    await ada.reads("The API key has ended.");
    await ada.reads("No program calls the API in their name.");
    await ada.learnsOf("api key revoked", "bob", "ada");
  });

  await step("and turns the app off for one who has lost it: the password alone signs in", async () => {
    await openBob();
    await ada.follow("Turn off the authenticator app");
    await ada.fill({ "Your present password": "wrong" });
    await ada.press("Turn off the authenticator app");
    await ada.page.getByRole("alert").waitFor();
    await ada.hasNoBarriers();
    await ada.fill({ "Your present password": PASSWORD });
    await ada.press("Turn off the authenticator app");
    await ada.reads("The user's authenticator app is turned off.");
    await ada.learnsOf("second factor disabled", "bob", "ada");
    await bob.press("Sign out");
    await bob.signIn("bob");
    await bob.sees("Overview");
  });

  await step("who must change the password can do nothing else before", async () => {
    await openBob();
    await ada.press("Require a new password");
    await ada.reads("The user must change the password before anything else.");
    await ada.learnsOf("user changed", "bob", "ada", "must_change");
    await bob.visit("/users/");
    await bob.sees("Change your password");
    await bob.reads("Someone else knows your password.");
    await bob.hasNoBarriers();
    await choose(bob, PASSWORD, "something-Else-1");
    await bob.reads("The new passwords differ.");
    await bob.hasNoBarriers();
    await choose(bob, "wrong", NEW);
    await bob.page.getByRole("alert").waitFor();
    await choose(bob, PASSWORD, NEW);
    await bob.sees("Your account");
    await ada.learnsOf("password changed", "bob");
    await bob.visit("/users/");
    await bob.sees("Users");
  });

  await step("a new password ends the sessions elsewhere, and that here goes on", async () => {
    const elsewhere = await operator();
    await elsewhere.signIn("bob", { password: NEW });
    await elsewhere.sees("Overview");
    await bob.visit("/account/password/");
    await choose(bob, NEW, PASSWORD, PASSWORD);
    await bob.sees("Your account");
    await elsewhere.page.reload();
    await elsewhere.sees("Sign in");
    await bob.page.reload();
    await bob.sees("Your account");
  });

  await step("where everyone needs an app, one sets it up before anything else", async () => {
    gateway.reload("[admin]\nrequire_totp = true\n");
    await eventually("the page", async () => {
      await bob.visit("/users/");
      return new URL(bob.page.url()).pathname === "/admin/account/totp/";
    });
    await bob.reads("Here everyone who signs in needs an authenticator app.");
    await bob.sees("Authenticator app");
    await bob.hasNoBarriers();
    await bob.fill({ "Your present password": "wrong" });
    await bob.press("Show the QR code");
    await bob.page.getByRole("alert").waitFor();
    await bob.hasNoBarriers();
    assert.equal(new URL(bob.page.url()).pathname, "/admin/account/totp/");
  });
});

async function choose(bob, old, once, again = NEW) {
  await bob.fill({ "Present password": old, "New password": once, "New password again": again });
  await bob.press("Change the password");
}
