import assert from "node:assert/strict";
import { PASSWORD } from "../gateway.mjs";
import { flow } from "../flow.mjs";
import { totp } from "../totp.mjs";

const CODE = "Code of your authenticator app";
const PROOF = "Code of the app, or a recovery code";

await flow(async ({ gateway, operator, step }) => {
  const ada = await operator();
  let secret, codes;

  await step("an operator sets an authenticator app up", async () => {
    await ada.signIn("ada", { isNew: true });
    await ada.follow("ada");
    await ada.sees("Your account");
    await ada.follow("Set it up");
    await ada.fill({ "Your present password": PASSWORD });
    await ada.press("Show the QR code");
    await ada.page.getByRole("img", { name: "The key as a QR code" }).waitFor();
    await ada.hasNoBarriers();
    secret = await ada.page.locator("#totp-secret").innerText();
    // The present code counts as used then; signing in takes the next one.
    await ada.fill({ Code: totp(secret) });
    await ada.press("Turn it on");
    await ada.sees("The authenticator app is set up");
    await ada.hasNoBarriers();
    codes = (await ada.page.locator("#codes").innerText()).trim().split("\n");
    assert.equal(codes.length, 10);
    await ada.follow("I have kept them");
    await ada.reads("10 recovery codes are left");
  });

  await step("then a password alone opens nothing", async () => {
    await ada.press("Sign out");
    await ada.signIn("ada");
    await ada.sees("Second step");
    await ada.hasNoBarriers();
    await ada.visit("/users/");
    await ada.sees("Sign in");
  });

  await step("a wrong code is told, and the code of the app opens the door", async () => {
    await ada.signIn("ada");
    await ada.fill({ [CODE]: totp(secret) === "000000" ? "000001" : "000000" });
    await ada.press("Go on");
    await ada.reads("This code is wrong, or was used already.");
    await ada.fill({ [CODE]: totp(secret, 1) });
    await ada.press("Go on");
    await ada.sees("Overview");
  });

  await step("a code is good once", async () => {
    await ada.press("Sign out");
    await ada.signIn("ada");
    await ada.fill({ [CODE]: totp(secret, 1) });
    await ada.press("Go on");
    await ada.reads("This code is wrong, or was used already.");
  });

  await step("a recovery code takes the place of the app, one time", async () => {
    await ada.fill({ [CODE]: codes[0] });
    await ada.press("Go on");
    await ada.sees("Overview");
    await ada.follow("ada");
    await ada.reads("9 recovery codes are left");
    await ada.press("Sign out");
    await ada.signIn("ada");
    await ada.fill({ [CODE]: codes[0] });
    await ada.press("Go on");
    await ada.reads("This code is wrong, or was used already.");
  });

  await step("new recovery codes void the old ones", async () => {
    await ada.fill({ [CODE]: codes[1] });
    await ada.press("Go on");
    await ada.follow("ada");
    await ada.follow("New recovery codes");
    await ada.fill({ "Your present password": PASSWORD, [PROOF]: "wrong" });
    await ada.press("Make new recovery codes");
    await ada.reads("The password or the code is wrong, or the code was used already.");
    await ada.hasNoBarriers();
    await ada.fill({ "Your present password": PASSWORD, [PROOF]: codes[2] });
    await ada.press("Make new recovery codes");
    await ada.sees("New recovery codes");
    await ada.hasNoBarriers();
    const old = codes;
    codes = (await ada.page.locator("#codes").innerText()).trim().split("\n");
    assert.equal(new Set([...old, ...codes]).size, 20);
    await ada.follow("I have kept them");
    await ada.reads("10 recovery codes are left");
    await ada.follow("Turn it off");
    await ada.fill({ "Your present password": PASSWORD, [PROOF]: old[3] });
    await ada.press("Turn the authenticator app off");
    await ada.reads("The password or the code is wrong");
    await ada.hasNoBarriers();
  });

  await step("with password and code it is turned off again", async () => {
    await ada.fill({ "Your present password": PASSWORD, [PROOF]: codes[0] });
    await ada.press("Turn the authenticator app off");
    await ada.sees("Your account");
    await ada.press("Sign out");
    await ada.signIn("ada");
    await ada.sees("Overview");
  });

  await step("sessions elsewhere are listed, and ended by a button", async () => {
    const elsewhere = await operator();
    await elsewhere.signIn("ada");
    await ada.follow("ada");
    await ada.reads("this one");
    await ada.follow("End all others…");
    await ada.press("End all others");
    await ada.sees("Your account");
    await elsewhere.page.reload();
    await elsewhere.sees("Sign in");
  });

  await step("all of it stands among the events", async () => {
    await ada.learnsOf("second factor enabled", "ada");
    await ada.learnsOf("second factor failed", "ada");
    await ada.learnsOf("recovery code used", "ada");
    await ada.learnsOf("recovery codes made", "ada");
    await ada.learnsOf("second factor disabled", "ada");
    await ada.learnsOf("sessions ended", "ada");
  });
});
