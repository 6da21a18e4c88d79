// The page around train.py: loads Pyodide and flambeau, hands train.py's reports to drawing.js, and says when to stop.
import { $, drawChart, drawFilters, drawGuesses, drawSamples, listenToDrawing } from "./drawing.js";

const accuracies = [];
let total = null, read = null;

// what train.py calls and reads
const page = (window.page = {
  stopped: false, finished: false, failed: false, digits: null, drawing: [], losses: [],
  adapter: (name) => { $("adapter").textContent = name; },
  steps: (count) => { total = count; drawChart([], [], total); },
  report: (json) => {
    const { step, loss, speed, accuracy, samples, filters, guesses } = JSON.parse(json);
    page.losses.push(loss);
    $("state").textContent = page.stopped ? "stopping…" : "training";
    $("progress").max = total;
    $("progress").value = step;
    $("step").textContent = `${step}`;
    $("value").textContent = loss.toFixed(4);
    $("speed").textContent = Math.round(speed).toLocaleString();
    if (accuracy !== null) {
      accuracies.push([step, accuracy]);
      $("accuracy").textContent = (100 * accuracy).toFixed(1) + " %";
      drawSamples(samples);
      drawFilters(filters);
      if (guesses) drawGuesses(guesses);
    }
    drawChart(page.losses, accuracies, total);
  },
});

// Shows an error; `unable`: nothing of the page can work, so that its parts aren't shown either.
function fail(message, unable) {
  page.failed = true;
  document.body.classList.add("failed");
  document.body.classList.toggle("unable", unable);
  $("source").open = unable;
  $("state").textContent = message;
  $("start").disabled = $("stop").disabled = true;
}

async function train(entry) {
  page.stopped = page.finished = false;
  page.losses.length = accuracies.length = 0;
  $("start").disabled = true;
  $("stop").disabled = false;
  $("progress").removeAttribute("value");
  $("state").textContent = "training (the first step compiles its kernels)…";
  try {
    const accuracy = await entry.callPromising();
    $("state").textContent = `${page.stopped ? "stopped" : "done"}: reads ${(100 * accuracy).toFixed(1)} % of unseen digits`;
    $("accuracy").textContent = (100 * accuracy).toFixed(1) + " %";
    $("start").textContent = "Train again";
    $("start").disabled = false;
    $("stop").disabled = true;
  } catch (error) {
    console.log(String(error));
    fail(`The training ended with an error: ${lastLine(error)}. Loading the page again starts anew.`, false);
  }
  page.finished = true;
}

// A Python error's text is its traceback, and says what happened in its last line.
const lastLine = (error) => String(error.message ?? error).split("\n").filter(Boolean).at(-1);

async function get(name) {
  let response = null;
  try {
    response = await fetch(name);
  } catch (error) {
    throw new Error(`${name} could not be fetched (${error.message}): is the server still there?`);
  }
  if (!response.ok) throw new Error(`${name} could not be fetched: the server answered ${response.status} ${response.statusText}`.trim());
  return response;
}

async function python() {
  try {
    const { loadPyodide } = await import("./pyodide/pyodide.mjs");
    return await loadPyodide({ indexURL: "./pyodide/" });
  } catch (error) {
    throw new Error(`Python could not be loaded from ./pyodide/ (${error.message}); README.md says how to serve this page.`);
  }
}

// The page as it is before anything was learned: the digits and what they will be read as, empty.
function drawBefore(records) {
  const shown = Array.from({ length: 32 }, (_, i) => ({ pixels: [...records.slice(65 * i, 65 * i + 64)], read: null, sure: 0 }));
  drawChart([], [], total);
  drawSamples(shown);
  drawFilters(new Array(16).fill([]));
  drawGuesses(null);
}

async function main() {
  const program = await (await get("train.py")).text();
  $("program").textContent = program;
  if (!window.isSecureContext) throw new Error("WebGPU is there over https or on localhost only, and this page came over plain http.");
  if (!navigator.gpu) throw new Error("This browser has no WebGPU. Recent Chrome and Edge have it, and Safari from version 26; Firefox on Windows and macOS.");
  if (!(await navigator.gpu.requestAdapter())) {
    throw new Error("This browser has WebGPU but gives no GPU to it: its graphics may be switched off or blocked (chrome://gpu tells).");
  }
  // all that travels does so at the same time
  const bytes = async (name) => (await get(name)).arrayBuffer();
  const digits = bytes("digits.bin").then((buffer) => drawBefore((page.digits = new Uint8Array(buffer))));
  const [interpreter, wheel] = await Promise.all([python(), bytes("flambeau.whl"), digits]);
  $("state").textContent = "loading flambeau…";
  await new Promise((resolve) => setTimeout(resolve, 0)); // shows it
  interpreter.unpackArchive(wheel, "wheel");
  await interpreter.runPythonAsync(program);
  const entry = interpreter.globals.get("train");
  read = interpreter.globals.get("read_drawing");
  $("state").textContent = "ready";
  $("progress").max = 1;
  $("progress").value = 0;
  $("start").disabled = false;
  $("start").onclick = () => train(entry);
  $("stop").onclick = () => { page.stopped = true; $("stop").disabled = true; $("state").textContent = "stopping…"; };
}

listenToDrawing(async (pixels) => {
  page.drawing = pixels; // while it trains, train.py looks here
  if (pixels.length && read && page.finished) drawGuesses(JSON.parse(await read.callPromising()));
});
window.addEventListener("resize", () => drawChart(page.losses, accuracies, total));
main().catch((error) => { console.log(String(error)); fail(lastLine(error), true); });
