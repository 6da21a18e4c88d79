// Runs Python programs in a page of headless Chromium, with flambeau's wheel in Pyodide and the browser's WebGPU.
//   node driver.mjs WHEEL PROGRAM.py [--screenshot FILE]
// Serves everything from localhost; prints what the page logs, then one line of JSON: the program's `result`, or {"error": …}.
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const here = path.dirname(fileURLToPath(import.meta.url));
const [wheel, program] = process.argv.slice(2);
const types = { ".mjs": "text/javascript", ".js": "text/javascript", ".wasm": "application/wasm", ".html": "text/html", ".json": "application/json" };
const pyodide = path.join(here, "node_modules", "pyodide");

const server = http.createServer((request, response) => {
  const name = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
  let file = null;
  if (name === "/flambeau.whl") file = wheel;
  else if (name === "/program.py") file = program;
  else if (name.startsWith("/pyodide/")) file = path.join(pyodide, path.normalize(name.slice(9)));
  else if (name === "/") file = path.join(here, "page.html");
  else file = path.join(here, path.normalize(name));
  if (!fs.existsSync(file)) { response.writeHead(404).end(); return; }
  response.writeHead(200, { "Content-Type": types[path.extname(file)] || "application/octet-stream" });
  fs.createReadStream(file).pipe(response);
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: ["--no-sandbox", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--ignore-gpu-blocklist"],
});
let outcome = { error: "the page did not finish" };
try {
  const page = await browser.newPage();
  page.on("console", (message) => console.log(message.text()));
  page.on("pageerror", (error) => console.log("page error: " + error.message));
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
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
