"use strict";
/* What viewer.html and the page of `edgedepth serve` share: the aligned pictures, tap to focus,
   depth and confidence under the pointer, a scale in metres.

   scene: {metric, planes, far, near, palette, ticks}. Planes are the pictures' focus in dioptres,
   far to near; far and near bound the scale; palette is the colour map as base64 RGB; ticks are
   round distances in metres.
   map: {width, height, dioptres: Float32Array, confidence: Float32Array}; NaN is unknown. */
class Viewer {
  constructor(place, scene, images) {
    this.scene = scene;
    this.images = images;
    this.palette = Uint8Array.from(atob(scene.palette), (c) => c.charCodeAt(0));
    this.map = null;
    this.layers = {};
    this.focus = scene.planes[scene.planes.length - 1];
    this.found = null;
    this.timer = 0;
    place.classList.add("viewer");
    place.innerHTML = Viewer.controls;
    this.part = (name) => place.querySelector("." + name);
    this.view = this.part("view");
    this.view.width = images[0].width;
    this.view.height = images[0].height;
    this.listen();
    this.draw();
  }

  listen() {
    this.view.addEventListener("pointermove", (event) => this.read(event));
    this.view.addEventListener("click", (event) => {
      this.read(event);
      if (this.found.known) this.glide(this.found.dioptres);
    });
    this.part("plane").addEventListener("input", (event) => {
      clearInterval(this.timer);
      this.focus = this.at(1 - event.target.value / 1000);
      this.draw();
    });
    this.part("show").addEventListener("change", () => this.draw());
    window.addEventListener("resize", () => this.draw());
  }

  /* Levels run from 0 at the far end of the scale to 1 at the near end. */
  at(level) { return this.scene.far + (this.scene.near - this.scene.far) * level; }

  level(dioptres) {
    const share = (dioptres - this.scene.far) / (this.scene.near - this.scene.far);
    return Math.min(1, Math.max(0, share));
  }

  distance(dioptres) {
    if (!this.scene.metric) return this.level(dioptres).toFixed(2) + " of the way to the near end";
    return dioptres < 0.02 ? "infinity" : (1 / dioptres).toFixed(dioptres > 2 ? 3 : 2) + " m";
  }

  setMap(map) {
    this.map = map;
    this.layers = {
      depth: this.layer((i) => this.colour(map.dioptres[i])),
      confidence: this.layer((i) => [0, 1, 2].map(() => Math.round(255 * map.confidence[i]))),
    };
    this.found = null;
    this.part("show").disabled = false;
    this.draw();
  }

  colour(dioptres) {
    if (Number.isNaN(dioptres)) return [64, 64, 64];
    const i = 3 * Math.round(255 * this.level(dioptres));
    return this.palette.subarray(i, i + 3);
  }

  layer(colourOf) {
    const { width, height } = this.map;
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    const pen = canvas.getContext("2d"), picture = pen.createImageData(width, height);
    for (let i = 0; i < width * height; i++) {
      picture.data.set(colourOf(i), 4 * i);
      picture.data[4 * i + 3] = 255;
    }
    pen.putImageData(picture, 0, 0);
    return canvas;
  }

  /* Cross-fade the two pictures whose planes lie on either side of the wanted focus. */
  draw() {
    const pen = this.view.getContext("2d"), planes = this.scene.planes;
    const { width, height } = this.view;
    let above = planes.findIndex((plane) => plane >= this.focus);
    if (above < 0) above = planes.length - 1;
    const below = Math.max(0, above - 1), gap = planes[above] - planes[below];
    const share = gap > 0 ? (this.focus - planes[below]) / gap : 1;
    pen.globalAlpha = 1;
    pen.drawImage(this.images[below], 0, 0, width, height);
    pen.globalAlpha = Math.min(1, Math.max(0, share));
    pen.drawImage(this.images[above], 0, 0, width, height);
    pen.globalAlpha = 1;
    const layer = this.layers[this.part("show").value];
    if (layer) pen.drawImage(layer, 0, 0, width, height);
    this.part("plane").value = Math.round(1000 * (1 - this.level(this.focus)));
    this.part("focus").textContent = "focus: " + this.distance(this.focus);
    this.drawScale();
  }

  drawScale() {
    const scale = this.part("scale"), density = window.devicePixelRatio || 1;
    scale.width = Math.round(scale.clientWidth * density);
    scale.height = Math.round(scale.clientHeight * density);
    const pen = scale.getContext("2d"), width = scale.clientWidth, margin = 16;
    const place = (level) => width - margin - level * (width - 2 * margin);
    pen.scale(density, density);
    for (let x = margin; x < width - margin; x++) {
      const [r, g, b] = this.colour(this.at((width - margin - x) / (width - 2 * margin)));
      pen.fillStyle = `rgb(${r},${g},${b})`;
      pen.fillRect(x, 6, 2, 14); // overlapping: no seams between pixels of the screen
    }
    pen.fillStyle = "#ebebeb";
    pen.font = "12px system-ui, sans-serif";
    pen.textAlign = "center";
    let free = -1;
    for (const [label, level] of this.ticks()) {
      const x = place(level), half = pen.measureText(label).width / 2 + 3;
      if (x - half < free || x + half > width) continue;
      free = x + half;
      pen.fillRect(x, 20, 1, 5);
      pen.fillText(label, x, 38);
    }
    if (this.found && this.found.known) {
      pen.fillRect(place(this.level(this.found.dioptres)) - 1.5, 1, 3, 24);
    }
  }

  ticks() {
    if (!this.scene.metric) return [["near", 0.97], ["far", 0.03]];
    return this.scene.ticks.map((metres) => [metres + " m", this.level(1 / metres)]);
  }

  read(event) {
    if (!this.map) return;
    const box = this.view.getBoundingClientRect(), { width, height } = this.map;
    const x = Math.floor((event.clientX - box.left) / box.width * width);
    const y = Math.floor((event.clientY - box.top) / box.height * height);
    const i = Math.min(height - 1, Math.max(0, y)) * width + Math.min(width - 1, Math.max(0, x));
    const dioptres = this.map.dioptres[i];
    this.found = { known: !Number.isNaN(dioptres), dioptres, confidence: this.map.confidence[i] };
    const said = this.found.known ? this.distance(dioptres) : "unknown";
    this.part("depth").textContent = "depth: " + said;
    const percent = Math.round(100 * this.found.confidence);
    this.part("confidence").textContent = `confidence: ${percent} %`;
    this.drawScale();
  }

  glide(to) {
    clearInterval(this.timer);
    this.timer = setInterval(() => {
      this.focus += (to - this.focus) * 0.3;
      if (Math.abs(to - this.focus) < 0.003 * (this.scene.near - this.scene.far)) {
        this.focus = to;
        clearInterval(this.timer);
      }
      this.draw();
    }, 16);
  }
}

Viewer.controls = `
  <canvas class="view" role="img" aria-label="the scene; tap to focus and to read the depth"></canvas>
  <canvas class="scale" role="img" aria-label="scale of the depth colours"></canvas>
  <div class="row" aria-live="polite">
    <output class="depth">depth: tap the picture</output>
    <output class="confidence"></output>
    <output class="focus"></output>
  </div>
  <div class="row">
    <span>near</span>
    <input class="plane" type="range" min="0" max="1000" aria-label="focus, near to far">
    <span>far</span>
    <label>show
      <select class="show" disabled>
        <option value="picture">picture</option>
        <option value="depth">depth</option>
        <option value="confidence">confidence</option>
      </select>
    </label>
  </div>`;

function loadImage(url) {
  return new Promise((done, failed) => {
    const image = new Image();
    image.onload = () => done(image);
    image.onerror = () => failed(new Error("a picture cannot be read"));
    image.src = url;
  });
}
