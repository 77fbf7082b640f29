// Elements, attributes and listeners: el('rect', {x: 1, click: handler}, child).
const SVG_TAG = /^(svg|g|path|circle|rect|text|ellipse)$/;
const set = (node, attributes) => {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (typeof value === 'function') node.addEventListener(name, value);
    else if (value === false || value == null) node.removeAttribute(name);
    else node.setAttribute(name, value === true ? '' : value);
  }
  return node;
};
const el = (tag, attributes, ...children) => {
  const node = SVG_TAG.test(tag)
    ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  node.append(...children);
  return set(node, attributes);
};

// Parts of a drawing. Colours are attributes, so that a drawing can leave the page as it is.
const near = (value) => +value.toFixed(1);
const word = (x, y, words, more) => el('text', {x: near(x), y: near(y), ...more}, words);
const strokes = (lines, colour, more) => el('path', {
  d: lines.map((points) => `M${points.map((point) => point.map(near)).join('L')}`).join(''),
  fill: 'none', stroke: `var(--${colour})`, 'stroke-width': 2, ...more,
});
const line = (points, colour, more) => strokes([points], colour, more);
// Rectangles [x, y, width, height] as one path.
const boxes = (list, colour, more) => el('path', {
  d: list.map(([x, y, w, h]) => `M${near(x)},${near(y)}h${near(w)}v${near(h)}h${near(-w)}z`).join(''),
  fill: `var(--${colour})`, ...more,
});
// Discs of one size as one path: lines of no length with round ends.
const dots = (points, colour, size) => el('path', {
  d: points.map((point) => `M${point.map(near)}h0`).join(''),
  stroke: `var(--${colour})`, 'stroke-width': size, 'stroke-linecap': 'round',
});

// Round numbers between two others, as [value, words].
const ticks = (low, high, most) => {
  const rough = (high - low) / most, unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * [1, 2, 5, 10].find((k) => k * unit >= rough * 0.999);
  const first = Math.ceil(low / step - 1e-9), last = Math.floor(high / step + 1e-9);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return many(last - first + 1, (i) => (first + i) * step).map((v) => [v, num(v, digits)]);
};
// Axes with grid and words: `x` and `y` are [low, high], `floor` is where the x axis lies.
const frame = (given) => {
  const {width, height, x, y, floor = y[0], xTitle, yTitle, left = 40} = given;
  const {xTicks = ticks(...x, 6), yTicks = ticks(...y, 4)} = given;
  const right = width - 14, top = yTitle ? 26 : 10, bottom = height - (xTitle ? 38 : 22);
  const scale = ([low, high], from, to) => (v) => from + ((v - low) / (high - low)) * (to - from);
  const sx = scale(x, left, right), sy = scale(y, bottom, top), thin = {'stroke-width': 1};
  const nodes = [
    strokes(yTicks.map(([v]) => [[left, sy(v)], [right, sy(v)]]), 'grid', thin),
    line([[left, sy(floor)], [right, sy(floor)]], 'muted', thin),
    el('g', {'text-anchor': 'end'}, ...yTicks.map(([v, words]) => word(left - 6, sy(v) + 4, words))),
    el('g', {'text-anchor': 'middle'}, ...xTicks.map(([v, words]) => word(sx(v), bottom + 16, words)),
      xTitle ? word((left + right) / 2, height - 4, xTitle) : ''),
    yTitle ? word(2, 12, yTitle) : '',
  ];
  return {nodes, sx, sy, left, right, top, bottom};
};
