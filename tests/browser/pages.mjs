// Looks at pages in Chromium: prints one line of JSON for each page and width.
// node pages.mjs CHROMIUM ADDRESS KEY FOLDER PATH...
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [chromium, address, key, folder, ...paths] = process.argv.slice(2);
const require = createRequire(new URL("../../infra/api/page/package.json", import.meta.url));
const playwright = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const rules = { runOnly: ["wcag2a", "wcag2aa"], resultTypes: ["violations"] };

const browser = await playwright.chromium.launch({ executablePath: chromium, args: ["--no-sandbox"] });
try {
  for (const [name, width, colorScheme] of [["wide", 1280, "light"], ["narrow", 400, "dark"]]) {
    const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme });
    context.setDefaultTimeout(120_000); // on a busy machine
    const page = await context.newPage();
    const elsewhere = [];
    const errors = [];
    page.on("request", (request) => {
      if (!request.url().startsWith(`${address}/`) && !request.url().startsWith("data:")) elsewhere.push(request.url());
    });
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
    page.on("pageerror", (error) => errors.push(String(error)));
    await page.goto(`${address}/`);
    const look = async (path) => {
      const file = path === "/" ? "usage" : path.slice(1).replaceAll(/[^a-z0-9]+/gi, "-");
      await page.screenshot({ path: `${folder}/${file}-${name}.png`, fullPage: true });
      await page.evaluate(axe);
      const { violations } = await page.evaluate((given) => globalThis.axe.run(given), rules);
      const found = violations.map((each) => `${each.id}: ${each.nodes.map((node) => node.html).join(" ")}`);
      const overflows = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
      const title = await page.title();
      const charts = await page.locator("canvas").count();
      console.log(JSON.stringify({ path, name, title, charts, overflows, violations: found, elsewhere, errors }));
    };
    await look("/login");
    // By keyboard alone: the field has the focus.
    await page.keyboard.type(key);
    await page.keyboard.press("Enter");
    await page.waitForURL(`${address}/`);
    for (const path of paths) {
      await page.goto(`${address}${path}`);
      await look(path);
    }
    await context.close();
  }
} finally {
  await browser.close();
}
