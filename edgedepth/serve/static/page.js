/* The page of `edgedepth serve`: load everything, run the model here, show the depth. */
import { fetchFiles, runModel, startRuntime } from "./run.js";

const byId = (id) => document.getElementById(id);
const page = { scene: null, files: null, viewer: null, outcome: null, facts: {} };
window.edgedepthPage = page; // for the console and the tests

const label = (run) => `${run.accelerator}, ${run.precision}`;
const key = (run) => `${run.accelerator}-${run.precision}`;

function tell(state, text) {
  document.body.dataset.state = state;
  byId("status").textContent = text;
}

async function start() {
  page.scene = await (await fetch("scene.json")).json();
  const scene = page.scene;
  document.title = `edgedepth: ${scene.name}`;
  byId("name").textContent = scene.name;
  for (const text of scene.warnings) {
    byId("warnings").append(Object.assign(document.createElement("li"), { textContent: text }));
  }
  page.viewer = new Viewer(byId("viewer"), scene, await Promise.all(scene.pictures.map(loadImage)));
  tell("loading", "loading the model and its runtime");
  page.files = await fetchFiles(scene.runs);
  await startRuntime(`${document.body.dataset.runtime}/wasm/`);
  page.adapter = await webgpuAdapter();
  offer(scene.runs);
  await show(chosen());
  byId("run").addEventListener("change", () => show(chosen()).catch(fail));
  byId("again").addEventListener("click", () => show(chosen()).catch(fail));
  tellFacts({ offline: await keep() });
  document.body.dataset.kept = "yes";
}

const fail = (error) => tell("failed", `it failed: ${error.message}`);

async function webgpuAdapter() {
  const adapter = navigator.gpu && await navigator.gpu.requestAdapter();
  return adapter ? `${adapter.info.vendor} ${adapter.info.architecture}`.trim() || "GPU" : "";
}

/* List the runs; the first that can be had here is taken, or the one that ?run= names. */
function offer(runs) {
  const wanted = new URLSearchParams(location.search).get("run");
  const possible = runs.filter((run) => run.accelerator !== "webgpu" || page.adapter);
  const first = runs.find((run) => key(run) === wanted && possible.includes(run)) ||
    possible.find((run) => run.accelerator === "webgpu") || possible[0];
  byId("run").replaceChildren(...runs.map((run, index) => {
    const option = new Option(label(run), index, false, run === first);
    option.disabled = !possible.includes(run);
    return option;
  }));
  if (!first) throw new Error("this model needs WebGPU, which this browser does not offer here");
}

const chosen = () => page.scene.runs[byId("run").value];

/* Run, and fall back on another run where this one fails. */
async function show(run) {
  byId("run").disabled = byId("again").disabled = true;
  tell("running", `running on ${label(run)}`);
  try {
    page.outcome = { run, ...await runModel(run, page.files) };
    present(page.outcome);
    tell("done", "done");
  } catch (error) {
    const other = page.scene.runs.find((r) => r.accelerator === "wasm");
    if (run.accelerator === "wasm" || !other) throw error;
    console.warn(error);
    byId("run").value = page.scene.runs.indexOf(other);
    await show(other);
    tell("done", `WebGPU failed (${error.message}); wasm was taken`);
  } finally {
    byId("run").disabled = byId("again").disabled = false;
  }
}

function present({ run, map, ...outcome }) {
  const sure = map.confidence || new Float32Array(map.values.length).fill(1);
  const least = map.confidence ? page.scene.min_confidence : 0;
  const dioptres = map.values.map((value, i) => (sure[i] < least ? NaN : value));
  if (!page.viewer.map) page.viewer.part("show").value = "depth";
  page.viewer.setMap({ width: map.width, height: map.height, dioptres, confidence: sure });
  const threads = `${outcome.threads} thread${outcome.threads === 1 ? "" : "s"}`;
  const where = run.accelerator === "webgpu" ? page.adapter : threads;
  const ms = (time) => `${time < 10 ? time.toFixed(1) : Math.round(time)} ms`;
  tellFacts({
    backend: `${run.accelerator === "webgpu" ? "WebGPU" : "wasm"} (${where})`,
    model: `${run.file}, ${page.scene.pictures.length} pictures`,
    time: `${ms(outcome.medianMs)} a run (median of ${outcome.runs}), first ${ms(outcome.firstMs)}, ` +
      `compiling ${ms(outcome.compileMs)}`,
    check: agreement(run, map),
  });
}

/* How far the map is from the one that the computer made with the same file. */
function agreement(run, map) {
  const expected = new Float32Array(page.files.get(run.expected).buffer);
  let largest = 0, sum = 0;
  map.values.forEach((value, i) => {
    const difference = Math.abs(value - expected[i]);
    largest = Math.max(largest, difference);
    sum += difference;
  });
  const unit = page.scene.metric ? "1/m" : "of the scale";
  return `${(sum / expected.length).toPrecision(2)} ${unit} from the computer's result on ` +
    `average, ${largest.toPrecision(2)} at most`;
}

function tellFacts(some) {
  Object.assign(page.facts, some);
  byId("facts").replaceChildren(...Object.entries(page.facts).flatMap(([name, text]) => [
    Object.assign(document.createElement("dt"), { textContent: name }),
    Object.assign(document.createElement("dd"), { textContent: text, id: `fact-${name}` }),
  ]));
}

/* Everything is in memory by now. Where the browser allows it (https, localhost), keep it on the
   device too, so that the page opens without a network. */
async function keep() {
  if (!navigator.serviceWorker) {
    return "as long as it stays open (over plain http a browser keeps nothing)";
  }
  try {
    const registration = await navigator.serviceWorker.register("offline.js");
    const { active } = await Promise.race([navigator.serviceWorker.ready, givenUp(registration)]);
    const used = performance.getEntriesByType("resource").map((entry) => entry.name);
    const channel = new MessageChannel();
    const answer = new Promise((done) => { channel.port1.onmessage = (e) => done(e.data); });
    active.postMessage(used.filter((url) => url.startsWith(location.origin)), [channel.port2]);
    return await answer || "kept on this device";
  } catch (error) {
    return `as long as it stays open (${error.message})`;
  }
}

/* Rejects when the service worker cannot be installed, for want of space for instance. */
function givenUp(registration) {
  return new Promise((_, failed) => {
    const worker = registration.installing;
    if (!worker) return;
    worker.addEventListener("statechange", () => {
      if (worker.state === "redundant") failed(new Error("the browser could not keep it"));
    });
  });
}

start().catch(fail);
