// Someone at the console, with a browser window of their own. Everything is found by what it is and
// what it is called, as someone finds it who only hears the page.

import assert from "node:assert/strict";
import { axe } from "./installed.mjs";
import { PASSWORD, eventually } from "./gateway.mjs";

export const WIDE = { width: 1280, height: 900 };
export const TABLET = { width: 768, height: 1024 };
export const PHONE = { width: 390, height: 844 };

export class Operator {
  // Opens a window. `javaScriptEnabled: false` and what else a context of playwright takes.
  static async open(browser, gateway, complaints, options = {}) {
    const context = await browser.newContext({ viewport: WIDE, locale: "en-GB", ...options });
    context.setDefaultTimeout(20_000);
    const page = await context.newPage();
    const complain = (complaint) => complaints.push(`${page.url()}: ${complaint}`);
    await watch(context, page, gateway, complain);
    return new Operator(gateway, page, complain);
  }

  // `complain` takes what fails the flow, whatever it goes on to do.
  constructor(gateway, page, complain) {
    this.complain = complain;
    this.gateway = gateway;
    this.page = page;
  }

  // Gets a page of the console, by its path below the console's; the answer.
  async visit(path) {
    return this.page.goto(`${this.gateway.origin}/admin${path}`);
  }

  // Signs in as one of the staff, whom the command line makes first if `isNew`.
  async signIn(name, { password = PASSWORD, isNew = false } = {}) {
    if (isNew) this.gateway.createUser(name, "--staff");
    await this.visit("/login/");
    await this.fill({ Username: name, Password: password });
    await this.press("Sign in");
  }

  // Fills fields in, by their labels.
  async fill(fields) {
    for (const [label, value] of Object.entries(fields)) await this.field(label).fill(value);
  }

  // The field with that label.
  field(label) {
    const choice = this.page.getByRole("combobox", { name: label, exact: true });
    return this.page.getByLabel(label, { exact: true }).or(choice);
  }

  // Presses the button of that name.
  async press(name, within = this.page) {
    await within.getByRole("button", { name, exact: true }).click();
  }

  // Goes where the link of that name leads.
  async follow(name, within = this.page) {
    await within.getByRole("link", { name, exact: true }).click();
  }

  // Goes on from field to link to button, as the Tab key does, to the one of that name.
  async tabTo(name) {
    const passed = [];
    while (passed.length < 100) {
      await this.page.keyboard.press("Tab");
      const reached = await this.page.evaluate(() => {
        const element = document.activeElement;
        const label = element.getAttribute("aria-label") ?? element.labels?.[0]?.innerText;
        return (label ?? element.innerText).trim();
      });
      if (name instanceof RegExp ? name.test(reached) : reached === name) return;
      passed.push(reached);
    }
    assert.fail(`the Tab key reaches no ${name}, but ${passed}`);
  }

  // Types on the keyboard: text, or with `press` a key.
  get keyboard() {
    return this.page.keyboard;
  }

  // Fails unless the page has this heading.
  async sees(heading) {
    await this.page.getByRole("heading", { level: 1, name: heading, exact: true }).waitFor();
  }

  // Fails unless this text stands on the page.
  async reads(text, within = this.page) {
    await within.getByText(text).first().waitFor();
  }

  // Goes to a page by the menu.
  async goTo(name) {
    await this.follow(name, this.page.getByRole("navigation", { name: "Console" }));
    await this.sees(name === "Routes" ? "Routes and upstreams" : name);
  }

  // The row of a table in which this text stands.
  row(text) {
    return this.page.getByRole("row").filter({ hasText: text });
  }

  // Fails unless an event of that name is told of, with these texts. Events are kept a moment after
  // they happen.
  async learnsOf(event, ...texts) {
    await eventually(event, async () => {
      // With an end, so that the page follows nothing: a session can do so in few places at once.
      await this.visit("/events/?until=2999-01-01T00:00");
      const told = texts.reduce((row, text) => row.filter({ hasText: text }), this.row(event));
      return (await told.count()) > 0;
    });
  }

  // What the column of that heading says, from top to bottom.
  async column(heading) {
    const headings = await this.page.locator("thead th").allInnerTexts();
    const place = headings.findIndex((text) => text.trim().startsWith(heading));
    assert.notEqual(place, -1, `no column ${heading} among ${headings}`);
    const cells = this.page.locator(`tbody tr > :nth-child(${place + 1})`);
    return (await cells.allInnerTexts()).map((text) => text.trim());
  }

  // Complains of what shuts someone out, in light or dark, on a wide screen or a phone. With one
  // store that is enough: pages look alike with the other.
  async hasNoBarriers({ isWhole = this.gateway.store === "sqlite" } = {}) {
    for (const viewport of isWhole ? [WIDE, TABLET, PHONE] : [WIDE]) {
      await this.page.setViewportSize(viewport);
      // What is between the two only has to fit.
      for (const colorScheme of viewport === TABLET ? [] : isWhole ? ["light", "dark"] : ["light"]) {
        await this.page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        await this.#isWithoutViolations(`${colorScheme}, ${viewport.width} px`, {
          preload: false,
          resultTypes: ["violations"],
          // Only colours differ in the dark.
          ...(colorScheme === "dark" && { runOnly: ["color-contrast"] }),
        });
      }
      await this.#fits(viewport);
    }
    await this.page.setViewportSize(WIDE);
    await this.page.emulateMedia({ colorScheme: "light", reducedMotion: null });
  }

  async #isWithoutViolations(how, options) {
    const isLoaded = await this.page.evaluate("typeof axe !== 'undefined'");
    if (!isLoaded) await this.page.evaluate(axe);
    const { violations } = await this.page.evaluate(
      `axe.run(document, ${JSON.stringify(options)})`,
    );
    for (const { id, help, nodes } of violations) {
      const places = nodes.map(({ html, failureSummary }) => `    ${html}\n    ${failureSummary}`);
      this.complain(`${id} (${how}): ${help}\n${places.join("\n")}`);
    }
  }

  // A page that is wider than the screen hides what is at its right.
  async #fits({ width }) {
    const wide = await this.page.evaluate("document.documentElement.scrollWidth");
    if (wide > width) this.complain(`is ${wide} px wide on a screen of ${width} px`);
  }
}

// Complains of whatever no page may do.
async function watch(context, page, gateway, complain) {
  await context.exposeBinding("authgateComplain", (_, complaint) => complain(complaint));
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
      window.authgateComplain(`violates ${violatedDirective}: ${blockedURI}`);
    });
  });
  page.on("dialog", (dialog) => {
    complain(`opens a dialog: ${dialog.message()}`);
    dialog.dismiss().catch(() => {});
  });
  page.on("pageerror", (error) => complain(`its script fails: ${error.stack}`));
  page.on("console", (message) => {
    if (message.type() === "error" && !isPageItself(message, page)) complain(message.text());
  });
  page.on("response", (answer) => {
    if (isVisit(answer)) {
      gateway.visited.add(`${answer.request().method()} ${routeOf(new URL(answer.url()))}`);
    }
    gateway.secrets.look(answer, context, complain);
  });
  page.on("request", (request) => {
    const url = new URL(request.url());
    const isOurs = url.origin === gateway.origin || ["blob:", "data:"].includes(url.protocol);
    if (!isOurs) complain(`asks for ${request.url()}`);
  });
}

// Whether a page was shown, or a form taken: not where it was refused, nor where a page leads elsewhere.
function isVisit(answer) {
  const request = answer.request();
  const isPage = request.isNavigationRequest() || request.resourceType() === "eventsource";
  return isPage && answer.status() < (request.method() === "GET" ? 300 : 400);
}

// The browser notes every status from 400 on as an error: that of a page too, and of the live log,
// whose page says so itself.
function isPageItself(message, page) {
  const { url } = message.location();
  return (
    message.text().startsWith("Failed to load resource: the server responded with a status of") &&
    (url === page.url() || new URL(url).pathname === "/admin/events/live/")
  );
}

// A path below the console's, without what is one user's, key's or page's own.
function routeOf({ pathname }) {
  const path = pathname.replace(/^\/admin/, "");
  return path.replace(/\/\d+\//, "/ID/").replace(/\/keys\/[^/]+\/revoke\//, "/keys/KEY/revoke/");
}
