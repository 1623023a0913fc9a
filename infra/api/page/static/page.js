// Draws the chart of the page; without it, the table below says the same.
"use strict";

const place = document.getElementById("chart");
const chart = JSON.parse(place.dataset.chart);
const dark = matchMedia("(prefers-color-scheme: dark)");
const colors = ["#3d8bdb", "#d9822b", "#35a26b", "#b65fcf", "#d9536f", "#8a8f2f"];
const times = chart.days.map((day) => Date.parse(day) / 1000);
let drawn = null;

function draw() {
  drawn?.destroy();
  const style = getComputedStyle(document.body);
  const ink = style.getPropertyValue("--soft").trim();
  const line = style.getPropertyValue("--line").trim();
  const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line } };
  drawn = new uPlot(
    {
      width: place.clientWidth,
      height: 240,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      scales: { y: { range: (_, __, most) => [0, Math.max(1, most * 1.1)] } },
      series: [
        { label: "Day", value: (_, seconds) => (seconds == null ? "–" : new Date(seconds * 1000).toISOString().slice(0, 10)) },
        ...chart.names.map((label, index) => ({
          label,
          stroke: colors[index],
          width: 2,
          points: { show: times.length < 40, size: 6 },
          value: (_, value) => (value == null ? "–" : value.toLocaleString("en")),
        })),
      ],
      axes: [
        { ...axis, space: 64, values: (_, ticks) => ticks.map((seconds) => new Date(seconds * 1000).toISOString().slice(5, 10)) },
        { ...axis, size: 64 },
      ],
    },
    [times, ...chart.series],
    place,
  );
}

draw();
addEventListener("resize", draw);
dark.addEventListener("change", draw);
