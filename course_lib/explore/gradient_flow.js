mount(({state, result, slider, choice, view}) => {
  let now;
  const update = () => {
    now = flow(state);
    return say(state, now);
  };
  const log = (value) => Math.log10(Math.max(value, 1e-30));
  const strip = view('Gradient of each layer’s weights', 54, (width, height) => {
    const values = now.weights.map(log), most = Math.max(...values), wide = (width - 4) / state.depth;
    return [
      `From ${power(now.weights[0])} in layer 1 to ${power(now.weights[state.depth - 1])}.`,
      values.map((value, i) => boxes([[2 + i * wide + 0.5, 2, wide - 1, 30]], 'series-0',
        {opacity: near(Math.max(0, 1 - (most - value) / 5))})),
      boxes(values.map((_, i) => [2 + i * wide + 0.5, 2, wide - 1, 30]), 'none', {fill: 'none', stroke: 'var(--muted)'}),
      word(2, height - 6, 'layer 1'), word(width - 2, height - 6, `layer ${state.depth}`, {'text-anchor': 'end'}),
    ];
  });
  const chart_view = view('Root mean squares', 200, (width, height) => {
    const curves = [
      [now.signal, 'muted', '2 3'], [now.gradient, 'series-1', '7 4'], [now.weights, 'series-0'],
    ].map(([values, ...rest]) => [values.map(log), ...rest]);
    const all = curves.flatMap(([values]) => values);
    const y = [Math.floor(Math.min(-1, ...all)), Math.ceil(Math.max(1, ...all))];
    const every = Math.ceil((y[1] - y[0]) / 5);
    const chart = frame({
      width, height, x: [1, state.depth], y, left: 46, xTitle: 'layer',
      yTicks: many(y[1] - y[0] + 1, (i) => y[0] + i).filter((v) => v % every === 0)
        .map((v) => [v, v ? `10${raised(String(v))}` : '1']),
      xTicks: ticks(1, state.depth, 8).filter(([v]) => Number.isInteger(v)),
    });
    return ['Root mean squares by layer, logarithmic.', chart.nodes,
      curves.map(([values, colour, dash]) => line(values.map((v, i) => [chart.sx(i + 1), chart.sy(v)]),
        colour, {'stroke-dasharray': dash, 'stroke-width': dash ? 2 : 3}))];
  });
  for (const one of [strip, chart_view]) set(one, {class: 'view wide'});

  return {update, nodes: [
    el('div', {class: 'controls'}, slider('Layers', 'depth', String),
      slider('Weight scale', 'scale', (v) => num(v, 1)),
      choice('Activation', 'activation'),
      choice('Norm', 'norm')),
    result, el('div', {class: 'views'}, strip, chart_view),
    el('p', {class: 'key'}, 'Solid: gradient of the weights, which learn. Dashed: of the signal. Dotted: the signal.'),
  ]};
});
