// One browser for all page tests: it does what it is told, line by line.
//   node driver.mjs WHEEL FOLDER_FOR_PICTURES
// Each line of input is JSON: {visit, seconds, …}; for each, one line comes out: {outcome or error, console, picture}.
//   {visit: "program", file}   runs a Python program in Pyodide, which has flambeau; its last expression is the outcome, as JSON
//   {visit: "example", steps}  opens examples/browser, trains for so many steps and presses Stop
//   {visit: "without", what}   opens examples/browser where "gpu" (navigator.gpu), "adapter" or a file is missing; the outcome is the page's text
import path from "node:path";
import readline from "node:readline";
import { here, launch, serve } from "./serving.mjs";

const [wheel, pictures] = process.argv.slice(2);
const pyodide = path.join(here, "node_modules", "pyodide");
const files = { "/page/flambeau.whl": wheel, "/example/flambeau.whl": wheel };
const server = await serve(
  { "/page/": here, "/page/pyodide/": pyodide, "/example/": path.join(here, "..", "..", "examples", "browser"), "/example/pyodide/": pyodide }, files);
const browser = await launch();

const visits = {
  async program(page, { file, seconds }) {
    files["/page/program.py"] = file;
    await page.goto(server.address + "/page/page.html");
    await page.waitForFunction("window.outcome !== undefined", null, { timeout: 1000 * seconds });
    const outcome = await page.evaluate("window.outcome");
    if (outcome.error) throw new Error(outcome.error);
    return outcome;
  },
  async example(page, { steps, seconds }) {
    const timeout = 1000 * seconds;
    await page.goto(server.address + "/example/");
    await page.waitForFunction("!document.getElementById('start').disabled", null, { timeout });
    await page.click("#start");
    await page.waitForFunction(`window.page.failed || Number(document.getElementById('step').textContent) >= ${steps}`, null, { timeout });
    if (await page.evaluate("window.page.failed")) throw new Error(await page.textContent("#state"));
    await page.screenshot({ path: path.join(pictures, "training.png"), fullPage: true });
    await page.click("#stop");
    await page.waitForFunction("window.page.finished", null, { timeout });
    await page.locator("#drawing").scrollIntoViewIfNeeded();
    const box = await page.locator("#drawing").boundingBox(); // a one is drawn
    await page.mouse.move(box.x + box.width / 2, box.y + 20);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height - 20, { steps: 10 });
    await page.mouse.up();
    await page.waitForSelector("#guesses .best", { timeout: 90000 });
    await page.screenshot({ path: path.join(pictures, "stopped.png"), fullPage: true });
    const text = (id) => page.textContent("#" + id);
    return {
      step: Number(await text("step")), state: await text("state"), accuracy: await text("accuracy"), loss: Number(await text("value")),
      samples: await page.locator(".sample").count(), losses: await page.evaluate("window.page.losses"),
      drawing: await page.evaluate("window.page.drawing"), guess: await page.textContent("#guesses .best"),
    };
  },
  async without(page, { what, seconds }) {
    const scripts = { gpu: "delete Navigator.prototype.gpu", adapter: "GPU.prototype.requestAdapter = async () => null" };
    if (what in scripts) await page.addInitScript(scripts[what]);
    else await page.route("**/" + what, (route) => route.fulfill({ status: 404 }));
    await page.goto(server.address + "/example/");
    await page.waitForFunction("window.page && window.page.failed", null, { timeout: 1000 * seconds });
    return { state: await page.textContent("#state"), can_start: !(await page.isDisabled("#start")), program: await page.textContent("#program") };
  },
};

let number = 0;
for await (const line of readline.createInterface({ input: process.stdin })) {
  const job = JSON.parse(line), heard = [];
  const page = await browser.newPage({ viewport: { width: 1080, height: 980 } });
  page.on("console", (message) => heard.push(message.text()));
  page.on("pageerror", (error) => heard.push("page error: " + error.message));
  page.on("crash", () => heard.push("the page crashed"));
  const answer = {};
  try {
    answer.outcome = await visits[job.visit](page, job);
  } catch (error) {
    answer.error = String(error);
    answer.picture = path.join(pictures, `failed-${number++}.png`);
    await page.screenshot({ path: answer.picture, timeout: 20000 }).catch((e) => { answer.picture = `none (${e})`; });
  }
  await page.close();
  console.log(JSON.stringify({ ...answer, console: heard }));
}
await browser.close();
server.close();
