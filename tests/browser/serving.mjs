// A server on localhost for the page tests, and the browser that opens it.
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const here = path.dirname(fileURLToPath(import.meta.url));
const types = { ".mjs": "text/javascript", ".js": "text/javascript", ".wasm": "application/wasm", ".html": "text/html", ".json": "application/json" };

// Serves `folder`, with Pyodide under /pyodide/ and single files by name from `files`; gives {address, close}.
export async function serve(folder, files) {
  const pyodide = path.join(here, "node_modules", "pyodide");
  const server = http.createServer((request, response) => {
    const name = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    let file = path.join(folder, path.normalize(name === "/" ? "/index.html" : name));
    if (name in files) file = files[name];
    else if (name.startsWith("/pyodide/")) file = path.join(pyodide, path.normalize(name.slice(9)));
    if (!fs.existsSync(file)) { response.writeHead(404).end(); return; }
    response.writeHead(200, { "Content-Type": types[path.extname(file)] || "application/octet-stream" });
    fs.createReadStream(file).pipe(response);
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  return { address: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}

// Headless Chromium with WebGPU on its own software driver.
export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    args: ["--no-sandbox", "--enable-unsafe-webgpu", "--disable-gpu-watchdog", "--use-webgpu-adapter=swiftshader", "--ignore-gpu-blocklist"],
  });
}
