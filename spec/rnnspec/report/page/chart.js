
// Every row of a clause: columns across, error ÷ bound upwards on a logarithmic axis.

const LEAST = -6;
const MOST = 2;

function short(value) {
  const rounded = Number(Math.min(value, 1e308).toPrecision(2));
  if (value > 1 && rounded <= 1) return ">1";
  return rounded >= 1e4 || (rounded && rounded < 1e-3) ? rounded.toExponential().replace("+", "") : String(rounded);
}

function svg(tag, says, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(says)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function chart(line) {
  const columns = data().columns.map((_, place) => rowsOf(line.place, place).map((row) => row.headroom).filter((value) => value !== null));
  const all = columns.flat();
  if (!all.length) return [];
  const [left, top, tall] = [44, 10, 160];
  const step = Math.max(10, Math.min(40, 560 / columns.length));
  const width = left + step * columns.length + 8;
  const y = (value) => top + ((MOST - Math.min(Math.max(value ? Math.log10(value) : LEAST, LEAST), MOST)) / (MOST - LEAST)) * tall;
  const beyond = all.filter((value) => value > 1).length;
  const [least, most] = all.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, 0]);
  const words = `error ÷ bound of ${plural(all.length, "row")} in ${plural(columns.filter((c) => c.length).length, "column")}: ${short(least)} to ${short(most)}; ${beyond} beyond the bound`;
  const drawn = svg("svg", { role: "img", width, height: top + tall + 24, "aria-label": words });
  for (const power of [2, 0, -2, -4, -6]) {
    const label = svg("text", { x: left - 6, y: y(10 ** power) + 4, "text-anchor": "end" }, power ? `${power === LEAST ? "≤" : power === MOST ? "≥" : ""}1e${power}` : "1");
    drawn.append(svg("path", { class: power ? "grid" : "bound", d: `M${left} ${y(10 ** power)}H${width}` }), label);
  }
  columns.forEach((values, place) => {
    const x = left + step * (place + 0.5);
    const dots = (kind, shape, some) => some.length && drawn.append(svg("path", { class: kind, d: some.map((value) => shape(y(value))).join("") }, svg("title", {}, visible(titleOf(place, values)))));
    dots("within", (at) => `M${x} ${at}h0`, values.filter((value) => value <= 1));
    dots("beyond", (at) => `M${x - 3} ${at - 3}l6 6m-6 0l6-6`, values.filter((value) => value > 1));
    drawn.append(svg("text", { x, y: top + tall + 18, "text-anchor": "middle" }, step >= 14 || place % 2 === 0 ? String(place + 1) : ""));
  });
  return [el("h3", {}, "Error ÷ bound"), el("div", { class: "chart", role: "region", "aria-label": "Error ÷ bound by column", tabindex: "0" }, drawn), el("p", { class: "meta" }, `${words}. The numbers are those of the columns, in the order below.`)];
}

function titleOf(place, values) {
  const { name, device, dtype } = data().columns[place];
  return `${place + 1}: ${name} ${device} ${dtype}, at most ${short(Math.max(...values))}`;
}
