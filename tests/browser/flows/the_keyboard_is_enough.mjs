import { PASSWORD } from "../gateway.mjs";
import { flow } from "../flow.mjs";

await flow(async ({ gateway, operator, step }) => {
  const ada = await operator();
  let token;

  await step("an operator signs in", async () => {
    gateway.createUser("ada", "--staff");
    await gateway.register("grace");
    token = await gateway.token("grace");
    await ada.visit("/login/");
    // The cursor stands in the first field already.
    await ada.keyboard.type("ada");
    await ada.keyboard.press("Tab");
    await ada.keyboard.type(PASSWORD);
    await ada.keyboard.press("Enter");
    await ada.sees("Overview");
  });

  await step("the first stop of a page leads past the menu", async () => {
    await ada.tabTo("Skip to the content");
    await ada.keyboard.press("Enter");
    await ada.page.waitForURL(/#main$/);
  });

  await step("the operator finds a user", async () => {
    await ada.visit("/");
    await ada.tabTo("Users");
    await ada.keyboard.press("Enter");
    await ada.sees("Users");
    await ada.tabTo("Name or email begins with");
    await ada.keyboard.type("gra");
    await ada.keyboard.press("Enter");
    await ada.page.waitForURL(/q=gra/);
    await ada.tabTo("grace");
    await ada.keyboard.press("Enter");
    await ada.sees("grace");
  });

  await step("and revokes the newest token", async () => {
    await ada.tabTo(/^Revoke token/);
    await ada.keyboard.press("Enter");
    await ada.reads(/^Token …[0-9a-f]{4} has ended\.$/);
    await gateway.untilDead(token);
  });
});
