// Opens examples/browser, trains until STEPS steps are drawn, presses Stop, and saves a picture.
//   node example.mjs WHEEL STEPS PICTURE.png
// Prints one line of JSON: the page's text and the losses' length.
import path from "node:path";
import { here, launch, serve } from "./serving.mjs";

const [wheel, steps, picture] = process.argv.slice(2);
const server = await serve(path.join(here, "..", "..", "examples", "browser"), { "/flambeau.whl": wheel });
const browser = await launch();
let outcome;
try {
  const page = await browser.newPage({ viewport: { width: 1040, height: 720 } });
  page.on("console", (message) => console.log(message.text()));
  await page.goto(server.address);
  await page.waitForFunction("!document.getElementById('start').disabled", null, { timeout: 240000 });
  await page.click("#start");
  await page.waitForFunction(`Number(document.getElementById('step').textContent) >= ${steps}`, null, { timeout: 400000 });
  await page.screenshot({ path: picture });
  await page.click("#stop");
  await page.waitForFunction("window.page.finished", null, { timeout: 60000 });
  const text = (id) => page.textContent("#" + id);
  outcome = { step: Number(await text("step")), state: await text("state"), accuracy: await text("accuracy"), loss: Number(await text("value")) };
  outcome.samples = await page.locator(".sample").count();
} catch (error) {
  outcome = { error: String(error) };
} finally {
  await browser.close();
  server.close();
}
console.log(JSON.stringify(outcome));
process.exit(outcome.error ? 1 : 0);
