"use strict";
/* Charts, the graph of nodes, and the Facets view. The document's own data only, set as text. */

const styles = () => getComputedStyle(document.body);
const color = (number) => styles().getPropertyValue(`--c${number % 10}`).trim();

/* plotly.js comes packed: unpack it and run it as a script of its own. */
async function loadPlotly() {
  const packed = document.getElementById("plotly-packed");
  const bytes = Uint8Array.from(atob(packed.textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const source = await new Response(stream).text();
  packed.remove();
  const script = document.createElement("script");
  script.textContent = source;
  document.head.append(script);
}

function themed(layout) {
  const style = styles();
  const axis = (given) => ({
    gridcolor: style.getPropertyValue("--line"), zerolinecolor: style.getPropertyValue("--line"),
    automargin: true, fixedrange: true, ...given,
  });
  return {
    ...layout, xaxis: axis(layout.xaxis), yaxis: axis(layout.yaxis),
    paper_bgcolor: "transparent", plot_bgcolor: "transparent",
    font: { color: style.getPropertyValue("--ink"), family: style.fontFamily, size: 12 },
    hoverlabel: { bgcolor: style.getPropertyValue("--card"), font: { color: style.getPropertyValue("--ink") } },
  };
}

function painted(trace) {
  const meta = trace.meta || {};
  if (meta.faint) return { ...trace, line: { color: styles().getPropertyValue("--ink"), width: 1.5, dash: "dash" } };
  const tone = color(meta.color || 0);
  return {
    ...trace, line: { width: 2, ...trace.line, color: tone }, marker: { ...trace.marker, color: tone },
    ...(trace.fill ? { fillcolor: `${tone}30` } : {}),
  };
}

function drawCharts() {
  for (const holder of document.querySelectorAll("script[data-chart]")) {
    const { data, layout } = JSON.parse(holder.textContent);
    Plotly.react(holder.dataset.chart, data.map(painted), themed(layout), { displayModeBar: false, responsive: true });
  }
}

/* Nodes of the graph: one at a time in the panel. */
function showNode(id) {
  for (const article of document.querySelectorAll(".detail")) article.hidden = article.id !== `node-${id}`;
  for (const node of document.querySelectorAll(".node")) node.setAttribute("aria-pressed", String(node.dataset.node === id));
  for (const edge of document.querySelectorAll(".edges path")) {
    edge.classList.toggle("lit", edge.dataset.source === id || edge.dataset.target === id);
  }
}

function setUpGraph() {
  const nodes = [...document.querySelectorAll(".node")];
  for (const node of nodes) {
    node.addEventListener("click", () => showNode(node.dataset.node));
    node.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      showNode(node.dataset.node);
    });
  }
  for (const link of document.querySelectorAll("button.link[data-node]")) {
    link.addEventListener("click", () => {
      showNode(link.dataset.node);
      nodes.find((node) => node.dataset.node === link.dataset.node).focus();
    });
  }
  const first = nodes.find((node) => node.classList.contains("node-failed")) || nodes[nodes.length - 1];
  if (first) showNode(first.dataset.node);
}

/* Facets comes from the network, in a frame that can't reach this document. */
function setUpFacets() {
  const button = document.getElementById("facets-open");
  if (!button) return;
  button.addEventListener("click", () => {
    const frame = document.createElement("iframe");
    frame.title = "TFDV's Facets view of the statistics";
    frame.sandbox = "allow-scripts";
    frame.srcdoc = JSON.parse(document.getElementById("facets-data").textContent);
    button.replaceWith(frame);
  });
}

/* Marks the section that is being read in the navigation. */
function setUpNavigation() {
  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(entry.target.id).setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-15% 0px -75% 0px" });
  for (const section of document.querySelectorAll("main > section")) observer.observe(section);
}

setUpGraph();
setUpFacets();
setUpNavigation();
const plotlyLoaded = loadPlotly().then(() => {
  drawCharts();
  document.documentElement.dataset.drawn = "charts";
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plotlyLoaded.then(drawCharts));
