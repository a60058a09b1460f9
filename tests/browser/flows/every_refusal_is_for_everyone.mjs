import assert from "node:assert/strict";
import { flow } from "../flow.mjs";

await flow(async ({ gateway, operator, step }) => {
  const ada = await operator();

  // Goes on once a page with this status and heading is there, and looks at it.
  const isRefused = async (who, act, status, heading) => {
    const answering = who.page.waitForResponse((answer) => {
      return answer.request().isNavigationRequest() && answer.status() === status;
    });
    await act();
    await answering;
    await who.sees(heading);
    await who.page.getByRole("alert").waitFor();
    await who.hasNoBarriers({ isWhole: true });
  };

  // Sends a form of a page as a page of the console would not have it.
  const send = (change) => ada.page.locator("form[action$='/logout/']").evaluate(change);

  await step("what makes no sense is refused with 400", async () => {
    await ada.signIn("ada", { isNew: true });
    await ada.sees("Overview");
    await isRefused(ada, () => ada.visit("/users/act/?act=nothing&user=1"), 400, "Not done");
    await isRefused(ada, () => ada.visit("/users/act/?act=delete"), 400, "Nobody is selected");
    await ada.visit("/");
    const act = () => send((form) => {
      form.action = "/admin/users/1/deactivate/";
      form.submit();
    });
    await isRefused(ada, act, 400, "Not done");
  });

  await step("what does not come from a page of the console is refused with 403", async () => {
    await ada.visit("/");
    const act = () => send((form) => {
      form.elements.form_key.value = "forged";
      form.submit();
    });
    await isRefused(ada, act, 403, "Not permitted");
    const mallory = await operator();
    await mallory.page.route("**/admin/", (route) => {
      return route.continue({ headers: { ...route.request().headers(), Authorization: "Token 0123" } });
    });
    await isRefused(mallory, () => mallory.visit("/"), 403, "Not permitted");
  });

  await step("what is not there is 404", async () => {
    for (const path of ["/nowhere/", "/users/999/", "/users/1/nothing/"]) {
      await isRefused(ada, () => ada.visit(path), 404, "Not found");
    }
  });

  await step("a form where there is none is 405, and one that is too long 413", async () => {
    await ada.visit("/");
    const act = () => send((form) => {
      form.action = "/admin/settings/";
      form.submit();
    });
    await isRefused(ada, act, 405, "Not done");
    await ada.visit("/");
    const long = () => send((form) => {
      form.elements.form_key.value = "x".repeat(2 << 20);
      form.submit();
    });
    await isRefused(ada, long, 413, "Not done");
  });

  await step("who tries too much is refused with 429", async () => {
    const mallory = await operator({ extraHTTPHeaders: { "X-Forwarded-For": "203.0.113.7" } });
    for (let turn = 0; turn < 5; turn += 1) await mallory.signIn("ada", { password: "wrong" });
    const act = () => mallory.signIn("ada", { password: "wrong" });
    await isRefused(mallory, act, 429, "Not done");
  });

  if (gateway.store === "redis") {
    await step("while the store is full, pages are read, and what changes something is 503", async () => {
      gateway.createUser("eve", "--staff");
      await ada.visit("/users/2/demote/");
      gateway.fillStore(true);
      await isRefused(ada, () => ada.press("Take staff away"), 503, "Unavailable");
      await ada.reads("takes no change");
      gateway.fillStore(false);
      await ada.visit("/users/2/");
      await ada.page.getByRole("link", { name: "Take staff away" }).waitFor();
    });

    await step("while the store is away, pages are 503, and back once it is back", async () => {
      await ada.visit("/users/");
      await gateway.withoutStore(async () => {
        await isRefused(ada, () => ada.page.reload(), 503, "Unavailable");
        const bob = await operator();
        await isRefused(bob, () => bob.signIn("eve"), 503, "Unavailable");
      });
      await ada.page.reload();
      await ada.sees("Users");
      assert.deepEqual(await ada.column("Username"), ["ada", "eve"]);
    });
  }
});
