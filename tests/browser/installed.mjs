// What tests/setup installed: the driver of the browser, and what finds fault with pages.

import { createRequire } from "node:module";

const require = createRequire(new URL("../../target/browser/package.json", import.meta.url));

export const { chromium } = require("playwright-core");
export const axe = require("axe-core").source;
