import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { flow } from "../flow.mjs";
import { PASSWORD } from "../gateway.mjs";

// As in tests/it/browser/hostile.rs.
const HOSTILE = '"><img src=x onerror=alert(1)>';
const STAFF = "</script><script>alert(1)</script>";
const NAMES = [HOSTILE, STAFF, "=1+1", "javascript:alert(1)"];

// What is asked or filled in about one user.
const ACTS = [
  "activate",
  "deactivate",
  "delete",
  "demote",
  "email",
  "end-sessions",
  "password",
  "promote",
  "reset-totp",
  "tokens/new",
];

await flow(async ({ gateway, operator, step }) => {
  const ada = await operator();
  let page;

  await step("the names are in the list, as they are", async () => {
    await ada.signIn("ada", { isNew: true });
    await ada.visit("/users/");
    const names = await ada.column("Username");
    for (const name of NAMES) assert.ok(names.includes(name), `${name} among ${names}`);
    await isOnlyText(ada);
  });

  await step("a search for such a name finds it and says it again", async () => {
    await ada.fill({ "Name or email begins with": HOSTILE });
    await ada.press("Search");
    await ada.page.waitForURL(/q=/);
    assert.equal(await ada.field("Name or email begins with").inputValue(), HOSTILE);
    await isOnlyText(ada);
    await ada.follow(HOSTILE);
    await ada.sees(HOSTILE);
    await isOnlyText(ada);
    page = new URL(ada.page.url()).pathname.replace("/admin", "");
  });

  await step("a token has such a name, and a user agent is such too", async () => {
    await gateway.register("grace");
    await ada.visit("/users/");
    await ada.follow("grace");
    await ada.follow("New token");
    await ada.fill({ Name: HOSTILE });
    await ada.press("Create");
    await ada.reads("It is not shown again.");
    await isOnlyText(ada);
    await gateway.login("grace", undefined, { "User-Agent": HOSTILE });
    await gateway.login(HOSTILE, "wrong");
    await gateway.login("grace", HOSTILE, { "User-Agent": HOSTILE });
    await fetch(`${gateway.origin}/public/${encodeURIComponent(HOSTILE)}`);
  });

  await step("a key, a network's note and a browser are of such a name, too", async () => {
    await ada.visit("/account/keys/");
    await ada.fill({ Name: HOSTILE, "Your present password": PASSWORD });
    await ada.field("read users").check();
    await ada.press("Make the key");
    await ada.sees("Your new API key");
    await isOnlyText(ada);
    await ada.visit("/limits/");
    await ada.fill({ "Address or network": "203.0.113.9", Note: HOSTILE });
    await ada.field("Treatment").selectOption("deny");
    await ada.press("Apply…");
    await ada.reads(HOSTILE);
    await isOnlyText(ada);
    await ada.press("Deny");
    await ada.reads("The network is denied");
    await ada.row("203.0.113.9").filter({ hasText: HOSTILE }).waitFor();
    await isOnlyText(ada);
    const elsewhere = await operator({ userAgent: HOSTILE });
    await elsewhere.signIn("ada");
    await elsewhere.sees("Overview");
    await ada.visit("/account/");
    await ada.row(HOSTILE).waitFor();
  });

  await step("every page about it is text", async () => {
    const number = page.match(/\d+/)[0];
    const [staff, grace, own] = [await pageOf(STAFF), await pageOf("grace"), await pageOf("ada")];
    for (const path of [
      page,
      ...ACTS.map((act) => `${page}${act}/`),
      staff,
      ...ACTS.map((act) => `${staff}${act}/`),
      grace,
      ...(await linksOn(grace, "/tokens/keep/")),
      "/account/keys/",
      ...(await linksOn("/account/keys/", "/revoke/")),
      own,
      ...(await linksOn(own, "/revoke/")),
      ...(await linksOn("/limits/", "/forget/")),
      `/users/act/?act=delete&user=${number}`,
      `/users/?done=${encodeURIComponent(HOSTILE)}&q=${encodeURIComponent(HOSTILE)}`,
      "/",
      "/tokens/",
      "/events/",
      "/limits/",
      "/routes/",
      "/settings/",
      "/account/",
      `/nowhere/${encodeURIComponent(HOSTILE)}/`,
    ]) {
      await ada.visit(path);
      await isOnlyText(ada);
    }
    await ada.visit("/tokens/");
    // Once the name of the token, once the user agent.
    assert.equal(await ada.page.getByText(HOSTILE, { exact: true }).count(), 2);
  });

  await step("an export has the names, and no formula", async () => {
    await ada.visit("/users/");
    const download = ada.page.waitForEvent("download");
    await ada.follow("Export as CSV");
    const text = await readFile(await (await download).path(), "utf8");
    assert.ok(text.includes('"""><img src=x onerror=alert(1)>"'), text);
    assert.ok(text.includes("'=1+1") && !/(^|,)"?=1\+1/m.test(text), text);
  });

  await step("nobody of such a name signs in, and the name stands in its field as text", async () => {
    const eve = await operator();
    await eve.signIn(HOSTILE);
    await eve.reads("Nobody of the staff has this username and password.");
    await isOnlyText(eve);
    await eve.visit(`/login/?next=${encodeURIComponent(HOSTILE)}`);
    await isOnlyText(eve);
    await ada.learnsOf("console sign in failed");
    await isOnlyText(ada);
  });

  await step("what comes live is text", async () => {
    await ada.visit("/events/");
    await ada.reads("Live: the newest first.");
    const bob = await operator({ userAgent: HOSTILE });
    await bob.signIn("bob", { isNew: true });
    await bob.sees("Overview");
    await bob.visit(page);
    await bob.press("Require a new password");
    await bob.reads("The user must change the password before anything else.");
    await ada.page.locator("tr.fresh").filter({ hasText: "user changed" }).filter({ hasText: HOSTILE }).waitFor();
    await isOnlyText(ada);
  });

  await step("such a user is changed and deleted like any other", async () => {
    await ada.visit(page);
    await ada.follow("Deactivate");
    await ada.press("Deactivate");
    await ada.reads("The user is locked out, and their tokens have ended.");
    await isOnlyText(ada);
    await ada.visit(`${page}activate/`);
    await isOnlyText(ada);
    await ada.visit(page);
    await ada.follow("Delete");
    await ada.press("Delete");
    await ada.reads("The user is deleted.");
    assert.ok(!(await ada.column("Username")).includes(HOSTILE));
  });

  await step("the events tell of it in text, live and exported", async () => {
    await ada.goTo("Events");
    await ada.row("user deleted").filter({ hasText: HOSTILE }).waitFor();
    await isOnlyText(ada);
    const download = ada.page.waitForEvent("download");
    await ada.follow("Export as JSON lines");
    const lines = (await readFile(await (await download).path(), "utf8")).trimEnd().split("\n");
    const events = lines.map((line) => JSON.parse(line));
    assert.ok(events.some(({ event, user }) => event === "user_deleted" && user === HOSTILE));
  });

  await step("a path that is explained is text too", async () => {
    await ada.visit("/routes/explain/");
    await ada.fill({ "Path, with its query": `/${HOSTILE}`, Host: HOSTILE });
    await ada.field("Headers, one a line").fill(`X: ${HOSTILE}`);
    await ada.press("Explain");
    await ada.sees("Explain a request");
    await isOnlyText(ada);
    assert.equal(await ada.field("Host").inputValue(), HOSTILE);
  });

  // The page of one user, below the console's path.
  async function pageOf(name) {
    await ada.visit("/users/");
    await ada.follow(name, ada.page.getByRole("table"));
    await ada.sees(name);
    return new URL(ada.page.url()).pathname.replace("/admin", "");
  }

  // Where links of a page lead that have this in their path: to one at least.
  async function linksOn(path, part) {
    await ada.visit(path);
    const links = ada.page.locator(`a[href*="${part}"]`);
    const there = await links.evaluateAll((all) => all.map((link) => link.getAttribute("href")));
    assert.ok(there.length > 0, `no link to ${part} on ${path}`);
    return there.map((link) => link.replace("/admin", ""));
  }
});

// Fails if text became part of the page: no page of the console has pictures or scripts within.
async function isOnlyText(ada) {
  const strange = await ada.page.evaluate(() => {
    const elements = document.querySelectorAll("img, iframe, object, embed, script:not([src]), a[href^='javascript:']");
    const handlers = [...document.querySelectorAll("*")].filter((element) =>
      element.getAttributeNames().some((name) => name.startsWith("on") || name === "style"),
    );
    return [...elements, ...handlers].map((element) => element.outerHTML);
  });
  assert.deepEqual(strange, [], ada.page.url());
}
