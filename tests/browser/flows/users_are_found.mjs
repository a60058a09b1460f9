import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { flow } from "../flow.mjs";

const SEARCH = "Name or email begins with";

await flow(async ({ gateway, operator, step }) => {
  const ada = await operator();
  // More than a page has.
  const crowd = Array.from({ length: 56 }, (_, number) => `crowd${String(number).padStart(2, "0")}`);

  await step("there are users", async () => {
    await ada.signIn("ada", { isNew: true });
    for (const name of [...crowd, "grace", "edsger"]) await gateway.register(name);
    gateway.run(["user", "deactivate", "edsger"]);
  });

  await step("all are listed, page by page", async () => {
    await ada.goTo("Users");
    await ada.sees("Users");
    const first = await ada.column("Username");
    assert.deepEqual(first, ["ada", ...crowd.slice(0, 49)]);
    await ada.follow("Next");
    await ada.page.waitForURL(/after=/);
    assert.deepEqual(await ada.column("Username"), [...crowd.slice(49), "edsger", "grace"]);
    await ada.follow("First");
    await ada.row("crowd00").waitFor();
  });

  await step("a click on a heading sorts by it, and another turns the order round", async () => {
    await ada.follow("Username", ada.page.getByRole("columnheader"));
    await ada.page.waitForURL(/sort=-username/);
    assert.equal((await ada.column("Username"))[0], "grace");
    for (const [heading, sort] of [
      ["Email", "email"],
      ["Active", "is_active"],
      ["Staff", "is_staff"],
      ["Joined", "joined"],
      ["Last login", "last_login"],
      ["Live tokens", "live_tokens"],
    ]) {
      for (const order of [sort, `-${sort}`]) {
        await ada.follow(heading, ada.page.getByRole("columnheader"));
        await ada.page.waitForURL((url) => url.searchParams.get("sort") === order);
        assert.equal((await ada.column("Username")).length, 50);
      }
    }
    const sorted = ada.page.getByRole("columnheader", { name: "Live tokens" });
    assert.equal(await sorted.getAttribute("aria-sort"), "descending");
  });

  await step("those are found whose name begins so", async () => {
    await ada.visit("/users/");
    await ada.fill({ [SEARCH]: "CROWD1" });
    await ada.press("Search");
    await ada.page.waitForURL(/q=CROWD1/);
    assert.deepEqual(await ada.column("Username"), crowd.slice(10, 20));
    await ada.fill({ [SEARCH]: "nobody" });
    await ada.press("Search");
    await ada.reads("Nobody is like that.");
    await ada.follow("Show all users");
    await ada.row("ada").waitFor();
  });

  await step("those are found who may not log in, and those who are staff", async () => {
    await ada.field("Active").selectOption("no");
    await ada.press("Search");
    await ada.page.waitForURL(/active=no/);
    assert.deepEqual(await ada.column("Username"), ["edsger"]);
    await ada.field("Active").selectOption("all");
    await ada.field("Staff").selectOption("yes");
    await ada.press("Search");
    await ada.page.waitForURL(/staff=yes/);
    assert.deepEqual(await ada.column("Username"), ["ada"]);
  });

  await step("all of a search are exported as CSV", async () => {
    await ada.visit("/users/?q=crowd");
    const download = ada.page.waitForEvent("download");
    await ada.follow("Export as CSV");
    const file = await download;
    assert.match(file.suggestedFilename(), /^users-\d{4}-\d\d-\d\d\.csv$/);
    const lines = (await readFile(await file.path(), "utf8")).trimEnd().split(/\r?\n/);
    assert.equal(lines.length, 1 + crowd.length);
    assert.match(lines[1], /crowd00/);
    await ada.learnsOf("users exported", "ada");
  });
});
