import assert from "node:assert/strict";
import { PASSWORD, eventually } from "../gateway.mjs";
import { flow } from "../flow.mjs";

await flow(async ({ gateway, operator, step }) => {
  const ada = await operator();
  let password;

  await step("an operator makes a user, whose password is made up and shown once", async () => {
    await ada.signIn("ada", { isNew: true });
    await ada.goTo("Users");
    await ada.follow("New user");
    await ada.sees("New user");
    await ada.fill({ Username: "grace", Email: "grace@example.org" });
    await ada.press("Create");
    await ada.reads("The password of grace is set.");
    password = await ada.page.locator("#password").innerText();
    assert.equal((await gateway.login("grace", password)).status, 200);
  });

  await step("what is wrong is said beside the field", async () => {
    await ada.visit("/users/new/");
    await ada.fill({ Username: "no spaces", Email: "nowhere" });
    await ada.press("Create");
    await ada.reads("Please correct the errors below.");
    await ada.reads("Enter a valid username.");
    await ada.reads("Enter a valid email address.");
    assert.equal(await ada.field("Username").inputValue(), "no spaces");
  });

  await step("the email changes, and the event tells from what to what", async () => {
    await openUser(ada, "grace");
    await ada.follow("Change the email");
    await ada.fill({ Email: "hopper@example.org" });
    await ada.press("Save");
    await ada.reads("The email was changed.");
    await happened(ada, "user_changed");
    await ada.reads("email: grace@example.org → hopper@example.org");
  });

  await step("another password ends what was open within a second", async () => {
    const token = await gateway.token("grace", password);
    // It opens nothing until they have chosen a password of their own.
    assert.equal(await gateway.statusOf(token), 403);
    await ada.follow("Set password");
    await ada.field("This one:").check();
    await ada.page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await ada.field("They must change it before anything else").uncheck();
    await ada.press("Set the password");
    await ada.reads("The user has another password, and their tokens and API keys have ended.");
    await gateway.untilDead(token);
    assert.equal((await gateway.login("grace", password)).status, 400);
    assert.equal((await gateway.login("grace")).status, 200);
    await happened(ada, "password_changed");
  });

  await step("who is locked out is out within a second, and gets in when activated again", async () => {
    const token = await gateway.token("grace");
    await ada.visit("/users/");
    await openUser(ada, "grace");
    await ada.follow("Deactivate");
    await ada.reads("They cannot log in any more");
    await ada.press("Deactivate");
    await ada.reads("The user is locked out, and their tokens have ended.");
    await gateway.untilDead(token);
    assert.notEqual((await gateway.login("grace")).status, 200);
    await happened(ada, "user_deactivated");
    await ada.press("Activate");
    await ada.reads("The user may log in again.");
    assert.equal((await gateway.login("grace")).status, 200);
    await happened(ada, "user_activated");
  });

  await step("a user must choose another password, and need not", async () => {
    await ada.press("Require a new password");
    await ada.reads("The user must change the password before anything else.");
    const token = await gateway.token("grace");
    assert.equal(await gateway.statusOf(token), 403);
    await ada.press("No longer require a new password");
    await ada.reads("The user may keep their password.");
    await eventually("a way in", async () => (await gateway.statusOf(token)) === 200);
    // No page leads there, but someone may.
    for (const act of ["must-change", "keep-password"]) {
      await ada.visit(`/users/2/${act}/`);
      await ada.hasNoBarriers();
    }
    await openUser(ada, "grace");
  });

  await step("a user becomes staff, and an ordinary one again", async () => {
    await ada.follow("Make staff");
    await ada.hasNoBarriers();
    await ada.fill({ "Your present password": "not-Adas-own" });
    await ada.press("Make staff");
    await ada.reads("The password or the code is wrong, or the code was used already.");
    await ada.fill({ "Your present password": PASSWORD });
    await ada.press("Make staff");
    await ada.reads("The user is staff, and their tokens have ended: they have to log in again.");
    await happened(ada, "staff_granted");
    await ada.follow("Deactivate");
    await ada.press("Deactivate");
    await ada.reads("The user is locked out, and their tokens have ended.");
    await ada.follow("Activate");
    await ada.hasNoBarriers();
    await ada.fill({ "Your present password": "not-Adas-own" });
    await ada.press("Activate");
    await ada.page.getByRole("alert").waitFor();
    await ada.hasNoBarriers();
    await ada.fill({ "Your present password": PASSWORD });
    await ada.press("Activate");
    await ada.reads("The user may log in again.");
    const token = await gateway.token("grace");
    assert.equal(await gateway.statusOf(token), 200);
    await ada.follow("Take staff away");
    await ada.press("Take staff away");
    await ada.reads("The user is staff no more, and their tokens have ended.");
    await gateway.untilDead(token);
    await happened(ada, "staff_withdrawn");
  });

  await step("who is deleted is gone, with all their tokens, once it is confirmed", async () => {
    const token = await gateway.token("grace");
    await ada.follow("Delete");
    await ada.reads("With the account goes:");
    await ada.reads(/\d live token/);
    await ada.follow("Cancel");
    await ada.sees("grace");
    assert.equal(await gateway.statusOf(token), 200);
    await ada.follow("Delete");
    await ada.press("Delete");
    await ada.reads("The user is deleted.");
    await gateway.untilDead(token);
    assert.equal(await ada.row("grace").count(), 0);
  });

  await step("many are locked out at once, and no other", async () => {
    const names = ["edsger", "barbara", "donald"];
    const tokens = [];
    for (const name of names) tokens.push(await gateway.register(name));
    await ada.visit("/users/");
    for (const name of ["edsger", "barbara"]) await ada.field(`Select ${name}`).check();
    await ada.press("Deactivate");
    await ada.reads("Deactivate: 2 users?");
    await ada.press("Deactivate 2 users");
    await ada.reads("Done for 2 users.");
    await gateway.untilDead(tokens[0]);
    await gateway.untilDead(tokens[1]);
    assert.equal(await gateway.statusOf(tokens[2]), 200);
  });

  await step("many are let in again, and their sessions ended", async () => {
    await chooses(ada, "Activate");
    const tokens = [await gateway.token("edsger"), await gateway.token("barbara")];
    await chooses(ada, "End all sessions");
    for (const token of tokens) await gateway.untilDead(token);
    await chooses(ada, "Deactivate");
  });

  await step("one box ticks all; of many that are deleted one's own account is spared", async () => {
    const token = await gateway.token("donald");
    assert.equal(await gateway.statusOf(token), 200);
    await ada.visit("/users/");
    await ada.field("Select all on this page").check();
    await ada.press("Delete");
    await ada.reads("Delete: 4 users?");
    await ada.reads("Their names are free then");
    await ada.press("Delete 4 users");
    await ada.reads("Done for 3 users.");
    await ada.reads("Not done for 1 user.");
    await gateway.untilDead(token);
    await ada.visit("/users/");
    assert.deepEqual(await ada.column("Username"), ["ada"]);
  });

  await step("all of it stands among the events", async () => {
    await ada.learnsOf("user created", "grace", "ada");
    await ada.learnsOf("user changed", "grace", "ada");
    await ada.learnsOf("user deactivated", "barbara", "ada");
    await ada.learnsOf("user activated", "barbara", "ada");
    await ada.learnsOf("staff granted", "grace", "is_staff: no → yes");
    await ada.learnsOf("staff withdrawn", "grace", "is_staff: yes → no");
    await ada.learnsOf("password changed", "grace", "ada");
    await ada.learnsOf("tokens revoked", "barbara", "ada");
    await ada.learnsOf("user deleted", "grace", "ada");
    await ada.learnsOf("user deleted", "donald", "ada");
  });
});

// Does something to two at once.
async function chooses(ada, act) {
  await ada.visit("/users/");
  for (const name of ["edsger", "barbara"]) await ada.field(`Select ${name}`).check();
  await ada.press(act);
  await ada.press(`${act} 2 users`);
  await ada.reads("Done for 2 users.");
}

async function openUser(ada, name) {
  await ada.visit("/users/");
  await ada.follow(name);
  await ada.sees(name);
}

// Fails unless the user's history tells of it, and that the operator did it. Events are kept a
// moment after they happen.
async function happened(ada, event) {
  await eventually(event, async () => {
    const rows = ada.page.getByRole("region", { name: "History" }).getByRole("row");
    if (await rows.filter({ hasText: event.replaceAll("_", " ") }).filter({ hasText: "ada" }).count()) return true;
    await ada.page.reload();
    return false;
  });
}
