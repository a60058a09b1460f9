import assert from "node:assert/strict";
import { flow } from "../flow.mjs";

// An app on the console's origin, which wants to stay with the windows that it opens.
const app = {
  body: "<!doctype html><title>app</title>",
  contentType: "text/html",
  headers: { "Cross-Origin-Opener-Policy": "same-origin" },
};

await flow(async ({ operator, step }) => {
  const ada = await operator();
  const { page } = ada;
  await page.context().route("**/public/**", (route) => route.fulfill(app));

  // Opens a page from the app's; what the app then reads there.
  const read = async (path) => {
    await page.goto(`${ada.gateway.origin}/public/app`);
    const opening = page.waitForEvent("popup");
    await page.evaluate((path) => void (window.opened = window.open(path)), path);
    const opened = await opening;
    await opened.waitForLoadState();
    const title = await opened.title();
    const seen = await page.evaluate(() => {
      try {
        return window.opened.document?.title ?? null;
      } catch {
        return null;
      }
    });
    return { title, seen };
  };

  await step("an app reads a page of its own that it opens", async () => {
    assert.deepEqual(await read("/public/other"), { title: "app", seen: "app" });
  });

  await step("it reads no page of the console, though an operator is signed in", async () => {
    await ada.signIn("ada", { isNew: true });
    await ada.sees("Overview");
    const { title, seen } = await read("/admin/");
    assert.match(title, /^Overview/);
    assert.ok(!seen?.includes("Overview"), seen);
  });
});
