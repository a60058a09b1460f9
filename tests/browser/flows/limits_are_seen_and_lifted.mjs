import assert from "node:assert/strict";
import { PASSWORD, eventually } from "../gateway.mjs";
import { flow } from "../flow.mjs";

// As the flow's settings say, in tests/it/browser.rs: who comes by a proxy says from where.
const ATTACKER = { "X-Forwarded-For": "203.0.113.7" };

await flow(async ({ gateway, operator, step }) => {
  const ada = await operator();

  await step("someone guesses until they are refused", async () => {
    await ada.signIn("ada", { isNew: true });
    await gateway.register("grace");
    await eventually("a refusal", async () => {
      const { status } = await gateway.login("grace", "wrong", ATTACKER);
      return status === 429;
    });
    assert.equal((await gateway.login("grace", PASSWORD, ATTACKER)).status, 429);
  });

  await step("the operator sees who it is and why", async () => {
    await ada.goTo("Limits");
    await ada.sees("Limits");
    const row = ada.row("grace").filter({ hasText: "wrong passwords for one account from one network" });
    await row.filter({ hasText: "203.0.113.7" }).waitFor();
  });

  await step("and lifts it: the next login passes", async () => {
    await ada.field("Select all who are refused").check();
    await ada.press("Clear those selected");
    await ada.reads("Cleared: whoever was refused for it may try again within a second.");
    await eventually("a login", async () => {
      return (await gateway.login("grace", PASSWORD, ATTACKER)).status === 200;
    });
  });

  await step("a network that is denied gets nothing within a second, and others do", async () => {
    const denied = { headers: ATTACKER };
    assert.equal((await fetch(`${gateway.origin}/public`, denied)).status, 200);
    await ada.fill({ "Address or network": "203.0.113.0/24", Note: "guesses passwords" });
    await ada.field("Treatment").selectOption("deny");
    await ada.press("Apply…");
    await ada.reads("Deny 203.0.113.0/24 for an hour?");
    assert.equal((await fetch(`${gateway.origin}/public`, denied)).status, 200);
    await ada.hasNoBarriers();
    await ada.press("Deny");
    await ada.reads("The network is denied");
    await eventually("a refusal", async () => {
      return (await fetch(`${gateway.origin}/public`, denied)).status === 403;
    }, 1_000);
    assert.equal((await fetch(`${gateway.origin}/public`)).status, 200);
    await ada.row("203.0.113.0/24").filter({ hasText: "guesses passwords" }).waitFor();
  });

  await step("nobody shuts themselves out by mistake", async () => {
    await ada.fill({ "Address or network": "127.0.0.0/8" });
    await ada.press("Apply…");
    await ada.press("Deny");
    await ada.reads("This would shut you out");
    await ada.hasNoBarriers();
    await ada.visit("/limits/");
    await ada.sees("Limits");
  });

  await step("a network that is forgotten is treated as before", async () => {
    await ada.hasNoBarriers();
    await ada.follow("Forget 203.0.113.0/24…");
    await ada.press("Forget");
    await ada.reads("The network is treated as the settings say.");
    await eventually("an answer", async () => {
      return (await fetch(`${gateway.origin}/public`, { headers: ATTACKER })).status === 200;
    });
  });

  await step("a network that is allowed has no limits", async () => {
    await ada.fill({ "Address or network": "203.0.113.0/24" });
    await ada.field("Treatment").selectOption("allow: no limits");
    await ada.press("Apply…");
    await ada.hasNoBarriers();
    await ada.fill({ "Your present password": "not-Adas-own" });
    await ada.press("Allow");
    await ada.reads("The password or the code is wrong, or the code was used already.");
    await ada.hasNoBarriers();
    await ada.fill({ "Your present password": PASSWORD });
    await ada.press("Allow");
    await ada.reads("The network is allowed: no limit holds for it.");
    await eventually("many attempts", async () => {
      const answers = [];
      for (let turn = 0; turn < 8; turn += 1) {
        answers.push((await gateway.login("grace", "wrong", ATTACKER)).status);
      }
      return answers.every((status) => status === 400);
    });
  });

  await step("all that counts is cleared, once that was asked", async () => {
    await ada.visit("/limits/");
    await ada.follow("Clear all…");
    await ada.press("Clear all");
    await ada.reads("Cleared: whoever was refused for it may try again within a second.");
    await ada.reads("No limit refuses anyone at present.");
  });

  await step("all of it stands among the events", async () => {
    await ada.learnsOf("limit reached", "login_failures_per_account_and_network");
    await ada.learnsOf("limits cleared", "ada");
    await ada.learnsOf("network denied", "203.0.113.0/24", "ada");
    await ada.learnsOf("network allowed", "203.0.113.0/24", "ada");
    await ada.learnsOf("network forgotten", "203.0.113.0/24", "ada");
  });
});
