import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { flow } from "../flow.mjs";

// All notices that there are: their names, as addresses have them, and what they say.
const source = readFileSync(new URL("../../../src/admin/notice.rs", import.meta.url), "utf8");
const table = source.slice(source.indexOf("const ALL"), source.indexOf("];"));
const notices = [...table.matchAll(/"([a-z-]+)",\s*"([^"]+)"/g)];

await flow(async ({ operator, step }) => {
  const ada = await operator();

  await step("there are notices", async () => {
    await ada.signIn("ada", { isNew: true });
    assert.ok(notices.length > 20, notices.length);
  });

  for (const [, name, words] of notices) {
    await step(`${name} is told to everyone`, async () => {
      const page = /^(limits|network)-/.test(name) ? "/limits/" : "/users/1/";
      await ada.visit(`${page}?done=${name}`);
      await ada.page.getByRole("status").filter({ hasText: words }).waitFor();
      await ada.hasNoBarriers();
    });
  }

  await step("a token that has ended is told by its last characters", async () => {
    await ada.visit("/tokens/?done=token-revoked&token=7-9f86d081884c7d65");
    await ada.page.getByRole("status").filter({ hasText: "Token …7d65 has ended." }).waitFor();
    await ada.hasNoBarriers();
  });
});
