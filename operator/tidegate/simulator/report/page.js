// Draws the figure in the colours of the reader's theme, and shows the policies that are ticked.
"use strict";

const plots = document.getElementById("plots");
const figure = JSON.parse(document.getElementById("figure").textContent);
const boxes = [...document.querySelectorAll("[data-policy]")];
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function paint(trace) {
  const { policy, style, place } = trace.meta;
  const own = policy < 0 ? colour("quiet") : colour(`policy-${(style === "variant" ? place : policy) % 8}`);
  trace.hoverlabel = { bgcolor: colour("panel"), bordercolor: own, font: { color: colour("ink") } };
  if (style === "marks") {
    trace.marker.color = own;
    trace.marker.line.color = colour("paper");
    return;
  }
  trace.line.color = own;
  trace.opacity = style === "faint" ? 0.55 : 1;
  if (style === "variant") trace.fillcolor = `${own}88`;
  if (style === "area") trace.fillcolor = `${own}33`;
}

function dress() {
  const { layout } = figure;
  const axis = { gridcolor: colour("grid"), zerolinecolor: colour("rule"), linecolor: colour("rule"), spikecolor: colour("quiet") };
  layout.paper_bgcolor = layout.plot_bgcolor = colour("paper");
  layout.font = { color: colour("ink"), family: getComputedStyle(document.body).fontFamily, size: 13 };
  for (const name of Object.keys(layout)) if (/^[xy]axis\d*$/.test(name)) Object.assign(layout[name], axis);
  for (const shape of layout.shapes ?? []) shape.line = { color: colour("promise"), width: 1.5, dash: "4px 4px" };
  for (const note of layout.annotations) {
    const ofPromise = note.text.startsWith("promise");
    note.font = { color: colour(ofPromise ? "promise" : "ink"), size: ofPromise ? 12 : 14 };
  }
  figure.data.forEach(paint);
}

function draw() {
  dress();
  return Plotly.react(plots, figure.data, figure.layout, {
    responsive: true,
    displaylogo: false,
    modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]],
  });
}

function choose() {
  const shown = new Set(boxes.filter((box) => box.checked).map((box) => Number(box.dataset.policy)));
  for (const trace of figure.data) if (trace.meta.policy >= 0) trace.visible = shown.has(trace.meta.policy);
  return draw();
}

for (const box of boxes) box.addEventListener("change", choose);
for (const button of document.querySelectorAll("[data-all]")) {
  button.addEventListener("click", () => {
    for (const box of boxes) box.checked = Boolean(button.dataset.all);
    choose();
  });
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
choose(); // Not the ticks of the file: a browser that reloads a page keeps the reader's.
