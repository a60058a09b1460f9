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
    await ada.press("Resume");
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

  await step("moments are told and taken in the reader's zone", async () => {
    const bob = await operator({ timezoneId: "Asia/Tokyo" });
    await bob.signIn("bob", { isNew: true });
    await bob.visit("/events/?since=2026-11-24T18:20&name=login_succeeded");
    assert.equal(await bob.field("From (Asia/Tokyo)").inputValue(), "2026-11-25T03:20");
    await bob.page.getByRole("columnheader", { name: "Time (Asia/Tokyo)" }).waitFor();
    await bob.fill({ "From (Asia/Tokyo)": "2020-01-01T08:59", "Until (Asia/Tokyo)": "2020-01-01T09:00" });
    await bob.press("Search");
    await bob.page.waitForURL(/2020/);
    const { searchParams } = new URL(bob.page.url());
    assert.equal(searchParams.get("since"), "2019-12-31T23:59");
    assert.equal(searchParams.get("until"), "2020-01-01T00:00");
    assert.equal(await bob.field("Until (Asia/Tokyo)").inputValue(), "2020-01-01T09:00");
    await bob.reads("No event is like that.");
    const carol = await operator({ timezoneId: "Asia/Tokyo", javaScriptEnabled: false });
    await carol.signIn("carol", { isNew: true });
    await carol.visit("/events/?since=2026-11-24T18:20");
    assert.equal(await carol.field("From (UTC)").inputValue(), "2026-11-24T18:20");
    await carol.page.getByRole("columnheader", { name: "Time (UTC)" }).waitFor();
  });

  await step("what fits nothing is said so", async () => {
    await ada.visit("/events/?until=2999-01-01T00:00");
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
    await ada.learnsOf("events exported", "ada");
  });

  await step("what users do stands among them", async () => {
    await gateway.logout(await gateway.token("grace"));
    await gateway.logout(await gateway.token("grace"), { everywhere: true });
    await ada.learnsOf("registered", "grace");
    await ada.learnsOf("login succeeded", "grace");
    await ada.learnsOf("login failed", "grace");
    await ada.learnsOf("logged out", "grace");
    await ada.learnsOf("logged out everywhere", "grace");
  });

  await step("who goes to the page again and again follows at once", async () => {
    for (let turn = 0; turn < 8; turn += 1) {
      await ada.visit("/events/");
      await ada.reads("Live: the newest first.");
    }
  });

  await step("the newest pages of a session follow, and the oldest says that it does not", async () => {
    const oldest = ada.page;
    const pages = [];
    for (let turn = 0; turn < 4; turn += 1) {
      const page = await oldest.context().newPage();
      await page.goto(oldest.url());
      await page.getByText("Live: the newest first.").waitFor();
      pages.push(page);
    }
    await ada.reads("Not live any more: newer pages of yours follow the log.");
    assert.equal(await ada.page.getByRole("button", { name: "Pause" }).count(), 0);
    await ada.hasNoBarriers();
    await gateway.register("edsger");
    for (const page of pages) {
      await page.getByRole("row").filter({ hasText: "registered" }).filter({ hasText: "edsger" }).waitFor();
      await page.close();
    }
    assert.equal(await ada.row("edsger").count(), 0);
  });

  if (gateway.store === "redis") {
    await step("while the store is away the page says so, and goes on by itself", async () => {
      await ada.visit("/events/");
      await ada.reads("Live: the newest first.");
      await gateway.withoutStore(async () => {
        await ada.reads("Disconnected: it is tried again.");
        await ada.hasNoBarriers();
      });
      await gateway.register("barbara");
      await ada.row("barbara").filter({ hasText: "registered" }).waitFor({ timeout: 30_000 });
      await ada.reads("Live: the newest first.");
      await ada.learnsOf("store lost");
      await ada.learnsOf("store back");
    });
  }

  await step("who is signed out follows no more", async () => {
    await ada.visit("/events/");
    await ada.reads("Live: the newest first.");
    gateway.run(["user", "set-password", "ada", "--password-stdin"], "another-Word-456");
    await ada.reads("Not live any more: you have to sign in again.");
  });
});
