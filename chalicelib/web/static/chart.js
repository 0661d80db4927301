// Two charts: bars over time, and the bar of a share.
const SVG = "http://www.w3.org/2000/svg";
const [HEIGHT, TOP, RIGHT, BOTTOM] = [240, 12, 8, 26];

function svg(tag, given, ...inside) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(given)) node.setAttribute(name, value);
  node.append(...inside);
  return node;
}

// Hidden from screen readers: the number is beside it.
export function bar(share) {
  return svg("svg", { class: "share", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "track", width: 100, height: 8 }), svg("rect", { class: "humans", width: share * 100, height: 8 }));
}

// The key of a legend entry: its colour and pattern.
export function sample(kind) {
  return svg("svg", { class: "sample", viewBox: "0 0 14 14", "aria-hidden": "true" }, piece(kind, 1, 1, 12, 12));
}

// Stacked bars. `points`: [{told, tick, values: [[kind, number], ...]}].
export function bars(width, points, label) {
  const most = Math.max(1, ...points.map((point) => point.values.reduce((sum, [, number]) => sum + number, 0)));
  const step = stepOf(most);
  const top = Math.ceil(most / step) * step;
  const left = 14 + 7.5 * short(top).length;
  const high = HEIGHT - TOP - BOTTOM;
  const slot = Math.max(1, width - left - RIGHT) / points.length;
  const gap = slot > 4 ? Math.min(slot / 4, 10) : 0;
  const labelled = Math.ceil((7 * points[0].tick.length + 20) / slot); // the width of a label in pixels
  const y = (value) => TOP + high * (1 - value / top);
  const picture = svg("svg", { class: "plot", role: "img", width, height: HEIGHT, "aria-label": label }, patterns());
  for (let value = 0; value <= top; value += step) {
    picture.append(svg("line", { x1: left, x2: width - RIGHT, y1: y(value), y2: y(value) }),
      svg("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, short(value)));
  }
  points.forEach(({ told, tick, values }, index) => {
    const x = left + index * slot;
    const stack = svg("g", {}, svg("title", {}, told), svg("rect", { class: "hover", x, y: TOP, width: slot, height: high }));
    let below = 0;
    for (const [kind, number] of values) {
      if (number) stack.append(piece(kind, x + gap / 2, y(below + number), slot - gap, (high * number) / top));
      below += number;
    }
    picture.append(stack);
    if (index % labelled === 0 && x + 7 * tick.length < width) picture.append(svg("text", { x, y: HEIGHT - 8 }, tick));
  });
  return picture;
}

// Patterns distinguish kinds without colour; narrow bars have shades. Not in the stylesheet, where `#` would refer to the stylesheet itself.
function piece(kind, x, y, width, height) {
  const pattern = kind !== "humans" && width > 4;
  return svg("rect", { x, y, width, height, ...(pattern ? { class: "pattern", fill: `url(#${kind})` } : { class: kind }) });
}

function patterns() {
  const pattern = (id, turned, ink) => svg("pattern", { id, width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: `rotate(${turned})` },
    svg("rect", { class: "behind", width: 5, height: 5 }), ink);
  return svg("defs", {}, pattern("bots", 45, svg("rect", { class: "humans", width: 2, height: 5 })),
    pattern("prefetches", 0, svg("circle", { class: "humans", cx: 2.5, cy: 2.5, r: 1.2 })));
}

// About four round steps, in whole visits.
function stepOf(most) {
  const ten = 10 ** Math.floor(Math.log10(most / 4));
  return Math.max(1, [1, 2, 5, 10].find((times) => times * ten >= most / 4) * ten);
}

function short(number) {
  return number.toLocaleString("en", { notation: "compact" });
}
