// A server on localhost for pages, and the browser that opens them.
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const here = path.dirname(fileURLToPath(import.meta.url));
const types = { ".mjs": "text/javascript", ".js": "text/javascript", ".wasm": "application/wasm", ".html": "text/html", ".css": "text/css", ".json": "application/json" };

// Serves each folder of `folders` under its name ({"/page/": folder, …}) and single files ({"/page/flambeau.whl": file, …}), which
// may be changed while it runs; gives {address, close}.
export async function serve(folders, files = {}) {
  const server = http.createServer((request, response) => {
    const name = path.normalize(decodeURIComponent(new URL(request.url, "http://localhost").pathname));
    const prefix = Object.keys(folders).filter((p) => name.startsWith(p)).sort((a, b) => b.length - a.length)[0];
    const file = files[name] ?? (prefix && path.join(folders[prefix], name.slice(prefix.length) || "index.html"));
    if (name === "/favicon.ico") { response.writeHead(204).end(); return; }
    if (!file || !fs.existsSync(file)) { response.writeHead(404).end(); return; }
    response.writeHead(200, { "Content-Type": types[path.extname(file)] || "application/octet-stream" });
    fs.createReadStream(file).pipe(response);
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  return { address: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

// Headless Chromium with WebGPU on its own software driver.
export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    args: ["--no-sandbox", "--enable-unsafe-webgpu", "--disable-gpu-watchdog", "--use-webgpu-adapter=swiftshader", "--ignore-gpu-blocklist"],
    timeout: 180000,
  });
}
