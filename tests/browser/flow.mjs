// A flow: steps that an operator goes through with a browser, on a gateway of its own.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { chromium } from "./installed.mjs";
import { Gateway } from "./gateway.mjs";
import { Operator } from "./operator.mjs";
import { ROUTES } from "./routes.mjs";

// What keeps the browser from talking to anyone but the gateway, and lets it run as root.
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

// Runs a flow. Its steps get the gateway, `step` to say what comes next, and `operator` for someone
// with a browser window of their own. It fails when a step does, and when a page did something that
// no page may do, such as breaking the content security policy.
export async function flow(steps) {
  const gateway = new Gateway(JSON.parse(process.argv[2]));
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS });
  const complaints = [];
  const operator = (options) => Operator.open(browser, gateway, complaints, options);
  try {
    await steps({ gateway, operator, step });
    await gateway.secrets.areLookedFor();
    assert.equal(complaints.length, 0, "pages did what no page may do");
    assert.deepEqual(missedBy(gateway), [], "not all that this flow is to visit was visited");
  } catch (error) {
    console.error([...complaints, error.stack ?? error].join("\n"));
    await keepPictures(browser, gateway);
    process.exitCode = 1;
  } finally {
    await browser.close();
  }
}

// What a flow was to visit, and did not; the script of the pictures is none.
function missedBy({ flow: name, visited }) {
  if (name === "pictures") return [];
  assert.ok(ROUTES[name], `tests/browser/routes.mjs does not know ${name}`);
  return ROUTES[name].filter((route) => !visited.has(route));
}

async function step(what, act) {
  const began = Date.now();
  console.log(`- ${what}`);
  await act();
  console.log(`  ${Date.now() - began} ms`);
}

// What is on the screen when a flow fails.
async function keepPictures(browser, gateway) {
  mkdirSync(gateway.pictures, { recursive: true });
  const pages = browser.contexts().flatMap((context) => context.pages());
  for (const [number, page] of pages.entries()) {
    const path = `${gateway.pictures}/${gateway.flow}-${gateway.store}-${number + 1}.png`;
    await page.screenshot({ path, fullPage: true }).catch(() => {});
    console.error(`${page.url()} looks like ${path}`);
  }
}
