// Times a convolution in flambeau, tfjs, onnxruntime-web and jax-js, in headless Chromium on its software WebGPU adapter: in
// turns, medians, every contestant's values checked first.
//   npm ci && npm ci --prefix ../../tests/browser && node run.mjs [ROUNDS [CASES]]
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { launch, serve } from "../../tests/browser/serving.mjs";

const here = path.dirname(fileURLToPath(import.meta.url)), root = path.join(here, "..", "..");
const rounds = Number(process.argv[2] || 7), count = Number(process.argv[3] || 3);
const names = ["flambeau", "tfjs", "onnxruntime-web", "jax-js"];
const cases = [
  { xShape: [1, 64, 56, 56], wShape: [64, 64, 3, 3], pad: 1, times: 5 },
  { xShape: [1, 3, 224, 224], wShape: [64, 3, 3, 3], pad: 1, times: 3 },
  { xShape: [1, 128, 28, 28], wShape: [256, 128, 1, 1], pad: 0, times: 5 },
];

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "flambeau-"));
const python = process.env.PYTHON || path.join(root, ".venv", "bin", "python");
execFileSync(python, ["-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, root]);
const wheel = path.join(folder, fs.readdirSync(folder).find((f) => f.endsWith(".whl")));
const server = await serve(
  { "/": here, "/pyodide/": path.join(root, "tests", "browser", "node_modules", "pyodide") }, { "/flambeau.whl": wheel });
const browser = await launch();
const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1];

for (const one of cases.slice(0, count)) {
  const page = await browser.newPage();
  page.setDefaultTimeout(600000);
  page.on("pageerror", (error) => console.log("page error: " + error.message));
  if (process.env.VERBOSE) page.on("console", (message) => console.log(message.text()));
  await page.goto(server.address + "/page.html");
  await page.waitForFunction("window.ready");
  const differences = {};
  for (const name of names) {
    const late = new Promise((resolve) => setTimeout(() => resolve("no result after three minutes"), 180000));
    differences[name] = await Promise.race([page.evaluate(([c, n]) => window.prepare(c, n), [one, name]), late]);
  }
  console.log(`conv2d ${one.xShape} → ${one.wShape[0]}, ${one.wShape[2]}×${one.wShape[3]}, padding ${one.pad}`);
  const running = names.filter((name) => {
    const fine = typeof differences[name] === "number" && differences[name] < 1e-4;
    if (!fine) console.log(`  ${name}: left out, ${differences[name]}`);
    return fine;
  });
  const taken = Object.fromEntries(running.map((name) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const name of running) {
      const ms = await page.evaluate(([n, t]) => window.measure(n, t), [name, one.times]);
      if (process.env.VERBOSE) console.log(`  ${name} ${ms.toFixed(1)} ms`);
      if (round) taken[name].push(ms); // the first round warms up
    }
  }
  const own = middle(taken[running[0]]);
  for (const name of running) {
    const ms = middle(taken[name]);
    console.log(`  ${name.padEnd(16)} ${ms.toFixed(1).padStart(8)} ms   ${(ms / own).toFixed(2)}× ${running[0]}'s time   differs by ${differences[name].toExponential(1)}`);
  }
  await page.close();
}
await browser.close();
server.close();
fs.rmSync(folder, { recursive: true });
process.exit(0);
