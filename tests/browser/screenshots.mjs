// Makes the pictures of docs/console.md, which tests/it/browser/pictures.rs fills a store for:
//
//     cargo test --test it pictures -- --ignored
//
// With the font Inter (Debian's fonts-inter) they look as those do that are there.

import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { flow } from "./flow.mjs";
import { PASSWORD } from "./gateway.mjs";
import { PHONE, WIDE } from "./operator.mjs";
import { withPalette } from "./palette.mjs";

const FOLDER = fileURLToPath(new URL("../../docs/images", import.meta.url));
const FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";
const GUESSER = { "X-Forwarded-For": "203.0.113.7" };

await flow(async ({ gateway, operator }) => {
  const ada = await operator();
  mkdirSync(FOLDER, { recursive: true });
  await ada.visit("/login/");
  await takePictures("sign-in", ada.page);
  await ada.signIn("ada", { isNew: true });
  await liven(gateway);

  for (const [name, path] of [
    ["overview", "/"],
    ["users", "/users/"],
    ["user", await pathOf(ada, "grace.hansen")],
    ["tokens", "/tokens/"],
    ["limits", "/limits/"],
    ["events", "/events/"],
    ["routes", "/routes/"],
  ]) {
    await ada.visit(path);
    await takePictures(name, ada.page);
  }
});

// What only a gateway itself can tell of: requests, limits, and what an operator did just now.
async function liven(gateway) {
  for (let turn = 0; turn < 24; turn += 1) await gateway.login("edsger.lopez", "guess", GUESSER);
  for (const name of ["nora.quist", "omar.reyes", "pia.silva"]) {
    await gateway.register(name);
    await comeAndGo(gateway, name, "okhttp/5.3.0", "198.51.100.91");
  }
  gateway.run(["user", "deactivate", "tim.costa"]);
  gateway.run(["user", "set-password", "grace.hansen", "--password-stdin"], PASSWORD);
  for (const agent of [FIREFOX, "okhttp/5.3.0", "curl/8.17.0"]) {
    await comeAndGo(gateway, "grace.hansen", agent, "198.51.100.23");
  }
  gateway.run(["user", "promote", "alan.becker"]);
  for (let turn = 0; turn < 40; turn += 1) await fetch(`${gateway.origin}/public`);
  for (let turn = 0; turn < 12; turn += 1) await fetch(`${gateway.origin}/optional`);
  for (let turn = 0; turn < 3; turn += 1) await gateway.statusOf("0".repeat(64));
}

async function comeAndGo(gateway, name, agent, address) {
  const from = { "User-Agent": agent, "X-Forwarded-For": address };
  const { body } = await gateway.login(name, PASSWORD, from);
  for (let turn = 0; turn < 9; turn += 1) await gateway.statusOf(body.token);
}

async function pathOf(ada, name) {
  await ada.visit(`/users/?q=${name}`);
  await ada.follow(name);
  await ada.sees(name);
  return new URL(ada.page.url()).pathname.replace("/admin", "");
}

// A page on a wide screen in light and dark, and on a phone.
async function takePictures(name, page) {
  for (const [kind, viewport, colorScheme] of [
    ["light", WIDE, "light"],
    ["dark", WIDE, "dark"],
    ["phone", PHONE, "light"],
  ]) {
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    // A menu that is too long for a phone shows where one is once the page comes.
    if (viewport === PHONE) await page.reload();
    const path = `${FOLDER}/console-${name}-${kind}.png`;
    const picture = withPalette(await page.screenshot());
    writeFileSync(path, picture);
    console.log(`${path}: ${Math.round(picture.length / 1024)} KiB`);
  }
  await page.setViewportSize(WIDE);
}
