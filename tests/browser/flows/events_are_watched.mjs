import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { flow } from "../flow.mjs";

await flow(async ({ gateway, operator, step }) => {
  const ada = await operator();

  await step("a login that happens meanwhile comes by itself", async () => {
    await ada.signIn("ada", { isNew: true });
    await gateway.register("grace");
    await ada.goTo("Events");
    await ada.sees("Events");
    await ada.reads("Live: the newest first.");
    await gateway.login("grace");
    await ada.row("login succeeded").filter({ hasText: "grace" }).waitFor();
  });

  await step("while the log is paused it stands still, and then goes on", async () => {
    await ada.press("Pause");
    await gateway.login("grace", "wrong");
    await ada.reads("Paused. 1 new.");
    assert.equal(await ada.row("login failed").count(), 0);
    await ada.press("Go on");
    await ada.row("login failed").filter({ hasText: "grace" }).waitFor();
  });

  await step("what operators did is found, with before and after", async () => {
    gateway.run(["user", "promote", "grace"]);
    await ada.visit("/events/");
    await ada.field("User").fill("grace");
    await ada.field("By").selectOption("the command line");
    await ada.press("Search");
    await ada.page.waitForURL(/actor=command_line/);
    await ada.row("staff granted").filter({ hasText: "is_staff: no → yes" }).waitFor();
    assert.equal(await ada.row("login succeeded").count(), 0);
  });

  await step("what fits nothing is said so", async () => {
    await ada.visit("/events/");
    await ada.field("Detail holds").fill("nothing of that kind");
    await ada.press("Search");
    await ada.reads("No event is like that.");
  });

  await step("all of a search are exported, a line each", async () => {
    await ada.visit("/events/?user=grace");
    const download = ada.page.waitForEvent("download");
    await ada.follow("Export as JSON lines");
    const file = await download;
    assert.match(file.suggestedFilename(), /^events-\d{4}-\d\d-\d\d\.jsonl$/);
    const lines = (await readFile(await file.path(), "utf8")).trimEnd().split("\n");
    const events = lines.map((line) => JSON.parse(line));
    assert.ok(events.length >= 4, lines.join("\n"));
    assert.deepEqual([...new Set(events.map((event) => event.user))], ["grace"]);
  });

  await step("who is signed out follows no more", async () => {
    await ada.visit("/events/");
    await ada.reads("Live: the newest first.");
    gateway.run(["user", "set-password", "ada", "--password-stdin"], "another-Word-456");
    await ada.reads("Not live any more: you have to sign in again.");
  });
});
