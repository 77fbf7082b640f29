mount(({state, result, slider, choice, view}) => {
  let found;
  const update = () => {
    found = run(state);
    return say(state, found);
  };
  const inside = (value, [low, high]) => Math.min(high, Math.max(low, value));
  const grid = view('Values: asked for above, stored below', 92, (width, height) => {
    const {offset, spread} = state, format = FORMATS[state.precision];
    const x = [offset - 2.6 * spread, offset + 2.6 * spread];
    const chart = frame({width, height, x, y: [0, 1], yTicks: [], left: 14, xTicks: ticks(...x, 4)});
    const to = (value) => chart.sx(inside(value, x)), numbers = [], thin = {'stroke-width': 1};
    for (let at = round(x[0], format); at < x[1] && numbers.length < 81; at += spacing(at, format)) numbers.push(to(at));
    return [
      `${new Set(found.x).size} of 32 stored values differ.`,
      strokes(numbers.length > 80 ? [] : numbers.map((at) => [[at, 4], [at, chart.bottom]]), 'grid', thin), chart.nodes,
      strokes(found.x.map((one, i) => [[to(found.asked[i]), 18], [to(one), 48]]), 'muted', thin),
      dots(found.asked.map((one) => [to(one), 18]), 'series-0', 8), dots(found.x.map((one) => [to(one), 48]), 'series-1', 8),
    ];
  });
  const outputs = view('Outputs: right above, computed below', 84, (width, height) => {
    const chart = frame({width, height, x: [-3.4, 3.4], y: [0, 1], yTicks: [], left: 14});
    const finite = found.y.filter(Number.isFinite);
    const row = (values, y, colour) => dots(values.map((v) => [chart.sx(inside(v, [-3.3, 3.3])), y]), colour, 9);
    return [
      `${finite.length} of 32 outputs are numbers.`, chart.nodes, row(found.right, 16, 'series-0'), row(finite, 42, 'series-1'),
    ];
  });
  const curve = view('Relative error of the variance', 190, (width, height) => {
    const ends = [-8, 2];
    const chart = frame({
      width, height, x: [-0.1, 3.1], y: ends, xTitle: 'mean',
      xTicks: [0, 1, 2, 3].map((k) => [k, 10 ** k]), yTicks: ticks(-8, 2, 5).map(([k]) => [k, short(10 ** k)]),
    });
    const at = (offset, {error}) => [chart.sx(Math.log10(offset || 0.8)), chart.sy(inside(Math.log10(error), ends))];
    const points = many(25, (i) => 10 ** (i / 8)).map((offset) => at(offset, run({...state, offset})));
    const known = (list) => list.filter(([, y]) => Number.isFinite(y));
    return [
      `At mean ${state.offset}: ${short(found.error)}.`, chart.nodes, line(known(points), 'series-1'),
      dots(known([at(state.offset, found)]), 'ink', 11),
    ];
  });
  for (const one of [grid, outputs, curve]) set(one, {class: 'view wide'});
  return {update, nodes: [
    el('div', {class: 'controls'}, slider('Mean', 'offset', String), slider('Spread', 'spread', short), slider('ε', 'eps', short),
      choice('Format', 'precision'), choice('Way', 'method')),
    result, el('div', {class: 'views'}, grid, outputs, curve),
    el('p', {class: 'key'}, 'Grey lines: the format’s numbers, where they are few.'),
  ]};
});
