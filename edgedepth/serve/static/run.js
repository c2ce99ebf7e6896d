/* Running a model on the prepared sweep. A run's record is made by edgedepth/serve/scene.py. */
import { loadLiteRt, loadAndCompile, Tensor } from "@litertjs/core";

const TIMED_RUNS = 5, ENOUGH_MS = 2000;

/* Load the runtime's WebAssembly, with threads where the browser shares memory. */
export async function startRuntime(folder) {
  const threads = Boolean(self.crossOriginIsolated) && navigator.hardwareConcurrency > 1;
  if (threads) {
    try {
      return await loadLiteRt(folder, { threads: true });
    } catch (error) {
      console.info("without threads:", error);
    }
  }
  return loadLiteRt(folder);
}

/* Fetch every file that some run needs: address -> bytes. */
export async function fetchFiles(runs) {
  const addresses = new Set();
  const note = (value) => [value.bytes, value.floats].forEach((a) => a && addresses.add(a));
  for (const run of runs) {
    addresses.add(run.model).add(run.expected);
    for (const values of [run.feeds, run.state, ...(run.steps || [])]) {
      Object.values(values || {}).forEach(note);
    }
  }
  const entries = [...addresses].map(async (address) => {
    const answer = await fetch(address);
    if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
    return [address, new Uint8Array(await answer.arrayBuffer())];
  });
  return new Map(await Promise.all(entries));
}

/* Run a model: the depth map, and how it went. Throws where the accelerator cannot. */
export async function runModel(run, files) {
  const started = performance.now();
  const model = await loadAndCompile(files.get(run.model), { accelerator: run.accelerator });
  try {
    if (run.accelerator === "webgpu" && !model.isFullyAccelerated) {
      throw new Error("WebGPU does not take the whole model");
    }
    const compileMs = performance.now() - started;
    const once = run.feeds ? unrolled(model, run, files) : streaming(model, run, files);
    const begun = performance.now();
    const outputs = await once();
    const firstMs = performance.now() - begun;
    const map = depthMap(run, outputs);
    const times = await timed(once);
    const threads = run.accelerator === "wasm" ? model.options.cpuOptions.numThreads : 0;
    return { map, compileMs, firstMs, medianMs: middle(times), runs: times.length, threads };
  } finally {
    model.delete();
  }
}

async function timed(once) {
  const times = [], begun = performance.now();
  while (times.length < TIMED_RUNS && (!times.length || performance.now() - begun < ENOUGH_MS)) {
    const start = performance.now();
    await once();
    times.push(performance.now() - start);
  }
  return times;
}

const middle = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

function numbers(value, files) {
  const count = value.shape.reduce((a, b) => a * b, 1);
  if (value.bytes) return Float32Array.from(files.get(value.bytes), (byte) => byte / 255);
  if (value.floats) return new Float32Array(files.get(value.floats).buffer);
  return new Float32Array(count).fill(value.fill);
}

function tensors(values, files) {
  const made = Object.entries(values).map(([name, value]) =>
    [name, new Tensor(numbers(value, files), value.shape)]);
  return Object.fromEntries(made);
}

const release = (record) => Object.values(record).forEach((tensor) => tensor.delete());

async function read(outputs) {
  const found = {};
  for (const [name, tensor] of Object.entries(outputs)) found[name] = await tensor.data();
  release(outputs);
  return found;
}

function unrolled(model, run, files) {
  return async () => {
    const feeds = tensors(run.feeds, files);
    try {
      return await read(await model.signatures.infer.run(feeds));
    } finally {
      release(feeds);
    }
  };
}

const pick = (record, names) => Object.fromEntries(names.map((name) => [name, record[name]]));

/* One step per picture; the state stays where it is, on the GPU or in wasm's memory. The decoder
   may want what no step does, and the other way round. */
function streaming(model, run, files) {
  const { encode_step: encode, decode } = model.signatures;
  const wanted = decode.getInputDetails().map((detail) => detail.name);
  const carried = Object.keys(run.state);
  return async () => {
    let state = tensors(run.state, files);
    for (const values of run.steps) {
      const feeds = tensors(values, files);
      const next = await encode.run({ ...feeds, ...pick(state, carried) });
      release(feeds);
      release(state);
      state = next;
    }
    const outputs = await read(await decode.run(pick(state, wanted)));
    release(state);
    return outputs;
  };
}

/* The model's answer in dioptres at the picture's aspect, as preprocess.depth_from_output and
   Fit.from_model in Python have it. */
export function depthMap(run, outputs) {
  const { low, span } = run.sweep;
  const answer = outputs[run.output === "sweep" ? "inverse_depth" : "depth"];
  const inDioptres = run.output === "sweep"
    ? (u) => Math.max(low + span * u, 0)
    : (metres) => 1 / Math.max(metres, 0.01);
  const map = {
    ...cut(run, Float32Array.from(answer, inDioptres)),
    confidence: null,
  };
  if (outputs.confidence) {
    const said = Float32Array.from(outputs.confidence, (c) => Math.min(1, Math.max(0, c)));
    map.confidence = cut(run, said).values;
  }
  if (map.values.some(Number.isNaN)) throw new Error("the answer holds NaN");
  return map;
}

/* Cut the picture's part out of the model's grid and turn it back. */
function cut(run, plane) {
  const [height, width] = run.content, [top, left] = run.offset, across = run.grid[1];
  const at = (row, column) => plane[(top + row) * across + left + column];
  const size = run.turned ? { width: height, height: width } : { width, height };
  const values = new Float32Array(width * height);
  for (let row = 0; row < size.height; row++) {
    for (let column = 0; column < size.width; column++) {
      values[row * size.width + column] =
        run.turned ? at(column, width - 1 - row) : at(row, column);
    }
  }
  return { ...size, values };
}
