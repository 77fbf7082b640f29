mount(({state, result, slider, view}) => {
  let y;
  const update = () => {
    y = layerNorm(inputs(state), state.eps);
    return say(state);
  };
  const outputs = view('Outputs', 84, (width, height) => {
    const chart = frame({width, height, x: [-3.2, 3.2], y: [0, 1], yTicks: [], left: 14});
    const band = kept(state.spread, state.eps);
    return [
      `${y.length} outputs from ${num(Math.min(...y))} to ${num(Math.max(...y))}.`,
      boxes([[chart.sx(-band), 12, chart.sx(band) - chart.sx(-band), chart.bottom - 12]], 'grid', {opacity: 0.7}),
      strokes([-1, 1].map((v) => [[chart.sx(v), 6], [chart.sx(v), chart.bottom]]), 'ink',
        {'stroke-dasharray': '5 4', 'stroke-width': 1.5}),
      chart.nodes, dots(y.map((v) => [chart.sx(v), 36]), 'series-0', 11),
    ];
  });
  const curve = view('Spread of the outputs', 190, (width, height) => {
    const log = Math.log10, chart = frame({
      width, height, x: [-4.1, 2.1], y: [0, 1.1], yTicks: [[0, '0'], [0.5, '0.5'], [1, '1']],
      xTicks: [[-4, '0.0001'], [-3, '0.001'], [-2, '0.01'], [-1, '0.1'], [0, '1'], [1, '10'], [2, '100']],
      xTitle: 'spread of the inputs', left: 30,
    });
    const points = many(63, (i) => -4.1 + i / 10).map((p) => [chart.sx(p), chart.sy(kept(10 ** p, state.eps))]);
    const root = log(Math.sqrt(state.eps || 1e-20)), here = [log(state.spread), kept(state.spread, state.eps)];
    return [
      `At ${state.spread} the outputs spread by ${num(here[1])}.`, chart.nodes, line(points, 'series-0'),
      root > -4.1 ? [
        line([[chart.sx(root), chart.top], [chart.sx(root), chart.bottom]], 'series-1', {'stroke-dasharray': '5 4'}),
        word(chart.sx(root) + 6, chart.bottom - 8, '√ε'),
      ] : [],
      dots([[chart.sx(here[0]), chart.sy(here[1])]], 'ink', 15),
      dots([[chart.sx(here[0]), chart.sy(here[1])]], 'series-0', 10),
    ].flat();
  });
  for (const one of [outputs, curve]) set(one, {class: 'view wide'});

  return {update, nodes: [
    el('div', {class: 'controls'}, slider('Inputs’ spread', 'spread', String),
      slider('ε', 'eps', (v) => (v ? `10⁻${'⁰¹²³⁴⁵⁶⁷⁸'[Math.round(-Math.log10(v))]}` : '0')), slider('Width', 'width', String)),
    result, el('div', {class: 'views'}, outputs, curve),
    el('p', {class: 'key'}, 'Above, grey: the spread of the outputs; dashed: a spread of 1.'),
  ]};
});
