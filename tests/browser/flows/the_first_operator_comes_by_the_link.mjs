import assert from "node:assert/strict";
import { PASSWORD, eventually } from "../gateway.mjs";
import { flow } from "../flow.mjs";

await flow(async ({ gateway, operator, step }) => {
  const ada = await operator();
  let link;

  await step("the log has a link while there is no operator", async () => {
    [link] = await eventually("the link", () => gateway.log().match(/http:\S+\/setup\/\?code=\w+/));
    await ada.page.goto(here(gateway, link));
    await ada.sees("Welcome");
    await ada.hasNoBarriers();
  });

  await step("what is wrong is said, and nobody is made", async () => {
    await fillIn(ada, "pass-Word-12x");
    await ada.press("Make the first operator");
    await ada.reads("The new passwords differ.");
  });

  await step("whoever has the link makes the first operator and is signed in", async () => {
    await fillIn(ada, PASSWORD);
    await ada.press("Make the first operator");
    await ada.sees("Overview");
    assert.ok(!ada.page.url().includes("code"), ada.page.url());
  });

  await step("the link is good only once", async () => {
    const mallory = await operator();
    await mallory.page.goto(here(gateway, link));
    await mallory.sees("This link is no longer good");
    await mallory.hasNoBarriers();
  });

  await step("the operator signs in again with the password", async () => {
    await ada.press("Sign out");
    await ada.signIn("ada");
    await ada.sees("Overview");
  });

  await step("the last operator neither goes nor is shut out", async () => {
    await ada.goTo("Users");
    await ada.field("Select ada").check();
    await ada.press("Deactivate");
    await ada.press("Deactivate 1 user");
    await ada.reads("Not done for 1 user.");
    await ada.visit("/");
    await ada.sees("Overview");
  });
});

async function fillIn(ada, again) {
  await ada.fill({
    Username: "ada",
    "Email (may be blank)": "ada@example.org",
    Password: PASSWORD,
    "Password again": again,
  });
}

// The link as someone follows it: the gateway may know itself by another address.
function here(gateway, link) {
  const { pathname, search } = new URL(link);
  return gateway.origin + pathname + search;
}
