// Runs a Python program in a page of headless Chromium, with flambeau's wheel in Pyodide and the browser's WebGPU.
//   node driver.mjs WHEEL PROGRAM.py
// Prints what the page logs, then one line of JSON: what the program gives, or {"error": …}.
import path from "node:path";
import { here, launch, serve } from "./serving.mjs";

const [wheel, program] = process.argv.slice(2);
const server = await serve(here, { "/": path.join(here, "page.html"), "/flambeau.whl": wheel, "/program.py": program });
const browser = await launch();
let outcome = { error: "the page did not finish" };
try {
  const page = await browser.newPage();
  page.on("console", (message) => console.log(message.text()));
  page.on("pageerror", (error) => console.log("page error: " + error.message));
  await page.goto(server.address);
  await page.waitForFunction("window.outcome !== undefined", null, { timeout: Number(process.env.PAGE_TIMEOUT || 240) * 1000 });
  outcome = await page.evaluate("window.outcome");
} catch (error) {
  outcome = { error: String(error) };
} finally {
  await browser.close();
  server.close();
}
console.log(JSON.stringify(outcome));
process.exit(outcome.error ? 1 : 0);
