/* The map of embeddings: filters, the image under the pointer, arrow keys, a table of the images. */

function setUpMap(map) {
  const box = document.getElementById("map");
  const chart = document.getElementById("map-chart");
  const card = document.getElementById("map-card");
  const controls = document.getElementById("map-controls");
  const table = document.getElementById("map-table");
  const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "cross", "star", "triangle-down", "pentagon", "x", "hexagon"];
  const indices = map.label.map((_, index) => index);
  const name = (number) => (number < 0 ? "no label" : map.names[number]);
  const isMistake = (index) => map.predicted.length > 0 && map.label[index] >= 0 && map.label[index] !== map.predicted[index];
  const points = () => map.layouts[controls.elements.layout.value];
  let current = -1;

  function visible() {
    const only = controls.elements.only.value;
    const mistakes = controls.elements.mistakes?.checked;
    return indices.filter((index) => (only === "" || map.label[index] === Number(only)) && (!mistakes || isMistake(index)));
  }

  function group(index) {
    const by = controls.elements.color.value;
    if (by === "mistake") return isMistake(index) ? [7, "wrong"] : [0, "correct"];
    const number = by === "predicted" ? map.predicted[index] : map.label[index];
    return [number < 0 ? 8 : number, name(number)];
  }

  function traces() {
    const [x, y] = points();
    const groups = new Map();
    for (const index of visible()) {
      const [number, title] = group(index);
      if (!groups.has(title)) groups.set(title, { number, title, members: [] });
      groups.get(title).members.push(index);
    }
    const sorted = [...groups.values()].sort((a, b) => a.number - b.number);
    const drawn = sorted.map(({ number, title, members }) => ({
      type: "scatter", mode: "markers", name: `${title} (${members.length})`, customdata: members, hoverinfo: "none",
      x: members.map((index) => x[index]), y: members.map((index) => y[index]),
      marker: { color: color(number), size: 7, opacity: 0.75, symbol: SYMBOLS[Math.floor(number / 10) % SYMBOLS.length] },
    }));
    const ring = { color: "transparent", size: 17, line: { width: 3, color: styles().getPropertyValue("--ink") } };
    drawn.push({
      type: "scatter", mode: "markers", hoverinfo: "skip", showlegend: false, marker: ring,
      x: current < 0 ? [] : [x[current]], y: current < 0 ? [] : [y[current]],
    });
    return drawn;
  }

  function draw() {
    const shown = visible();
    if (!shown.includes(current)) hide();
    const axis = { showticklabels: false, showgrid: false, zeroline: false, fixedrange: false };
    const narrow = box.clientWidth < 560;
    const legend = narrow ? { orientation: "h", y: -0.02, yanchor: "top" } : { x: 1.01 };
    const layout = themed({
      margin: { l: 10, r: 10, t: 10, b: 10 }, hovermode: "closest", xaxis: axis, yaxis: axis, legend, showlegend: true,
      uirevision: controls.elements.layout.value, dragmode: narrow ? false : "pan",
    });
    controls.elements["map-count"].value = `${shown.length.toLocaleString("en")} images`;
    return Plotly.react(chart, traces(), layout, { displayModeBar: false, responsive: true, scrollZoom: !narrow });
  }

  function tile(index, size) {
    const picture = document.createElement("span");
    const number = map.tile[index];
    picture.className = number < 0 ? "tile missing" : "tile sheet-points";
    picture.style.setProperty("--s", `${size}px`);
    if (number >= 0) {
      picture.style.setProperty("--x", number % map.columns);
      picture.style.setProperty("--y", Math.floor(number / map.columns));
    }
    return picture;
  }

  function lines(index) {
    const found = [name(map.label[index])];
    if (map.predicted.length) found.push(`predicted ${name(map.predicted[index])}, ${(map.confidence[index] * 100).toFixed(1)}% confidence`);
    found.push(map.source[index]);
    return found;
  }

  function toPixels(index) {
    const [x, y] = points();
    const { xaxis, yaxis } = chart._fullLayout;
    return [xaxis._offset + xaxis.l2p(x[index]), yaxis._offset + yaxis.l2p(y[index])];
  }

  function show(index, announce) {
    current = index;
    const text = document.createElement("div");
    lines(index).forEach((line, row) => {
      const part = document.createElement(row ? "div" : "strong");
      part.textContent = line;
      if (row) part.className = "note path";
      text.append(part);
    });
    card.replaceChildren(tile(index, 84), text);
    card.hidden = false;
    const [left, top] = toPixels(index);
    const beside = left + card.offsetWidth + 16 < box.clientWidth ? left + 14 : left - card.offsetWidth - 14;
    card.style.left = `${Math.max(4, beside)}px`;
    card.style.top = `${Math.max(4, Math.min(top - 20, box.clientHeight - card.offsetHeight - 4))}px`;
    if (announce) document.getElementById("map-current").textContent = lines(index).join(", ");
    const [x, y] = points();
    Plotly.restyle(chart, { x: [[x[index]]], y: [[y[index]]] }, [chart.data.length - 1]);
  }

  function hide() {
    if (current < 0) return;
    current = -1;
    card.hidden = true;
    Plotly.restyle(chart, { x: [[]], y: [[]] }, [chart.data.length - 1]);
  }

  /* The nearest image in a direction, within 45 degrees of it. */
  function neighbor(dx, dy) {
    const shown = visible();
    if (current < 0) return shown[0] ?? -1;
    const [x0, y0] = toPixels(current);
    let best = -1;
    let least = Infinity;
    for (const index of shown) {
      const [x, y] = toPixels(index);
      const along = (x - x0) * dx + (y - y0) * dy;
      const across = Math.abs((x - x0) * dy) + Math.abs((y - y0) * dx);
      if (along > 0.5 && across <= along && along + across < least) {
        least = along + across;
        best = index;
      }
    }
    return best;
  }

  function fillTable() {
    const headings = ["image", "class", ...(map.predicted.length ? ["predicted", "confidence"] : []), "x", "y", "source"];
    const element = document.createElement("table");
    const head = element.createTHead().insertRow();
    for (const heading of headings) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = heading;
      head.append(cell);
    }
    const body = element.createTBody();
    const [x, y] = points();
    for (const index of visible()) {
      const row = body.insertRow();
      row.insertCell().append(tile(index, 28));
      const predicted = map.predicted.length ? [name(map.predicted[index]), map.confidence[index].toFixed(3)] : [];
      for (const text of [name(map.label[index]), ...predicted, x[index].toFixed(2), y[index].toFixed(2), map.source[index]]) {
        row.insertCell().textContent = text;
      }
    }
    table.querySelector(".scroll").replaceChildren(element);
  }

  const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
    const direction = DIRECTIONS[event.key];
    if (!direction) return;
    event.preventDefault();
    const index = neighbor(...direction);
    if (index >= 0) show(index, true);
  });
  box.addEventListener("mouseleave", hide);
  controls.addEventListener("submit", (event) => event.preventDefault());
  controls.addEventListener("change", () => {
    draw();
    if (table.open) fillTable();
  });
  table.addEventListener("toggle", () => table.open && fillTable());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  draw().then(() => {
    for (const happening of ["plotly_hover", "plotly_click"]) {
      chart.on(happening, (event) => {
        const index = event.points[0].customdata;
        if (index !== undefined) show(index, false);
      });
    }
    document.documentElement.dataset.drawn = "map";
  });
}

const mapData = document.getElementById("map-data");
if (mapData) plotlyLoaded.then(() => setUpMap(JSON.parse(mapData.textContent)));
