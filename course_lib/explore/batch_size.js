mount(({state, result, slider, button, put, view}) => {
  const memory = {};
  let values, low, high, mu, sigma, all, power;

  const update = () => {
    values = state.values.length > 1 ? state.values : EXPONENTIAL;
    high = Math.max(...values);
    low = Math.min(...values);
    low -= (high - low) / 50;
    const [center, variance] = moments(values);
    [mu, sigma] = [center, Math.sqrt(variance)];
    all = memory[state.draw] ??= wander(values, state.draw);
    power = SIZES.indexOf(state.batch);
    return say(all, sigma, power);
  };

  // Bars of a histogram over the range that both upper charts share.
  const histogram = (numbers, chart, bins, colour) => {
    const counts = many(bins, () => 0), step = (high - low) / bins;
    for (const v of numbers) counts[Math.min(bins - 1, Math.floor((v - low) / step))]++;
    const most = Math.max(...counts), tall = chart.bottom - chart.top;
    const bar = (n, i) => [chart.sx(low + i * step) + 0.5, chart.bottom - (n / most) * tall,
      chart.sx(step) - chart.sx(0) - 1, (n / most) * tall];
    return boxes(counts.map(bar).filter(([, , , h]) => h), colour);
  };
  const axis = (width, height) => frame({
    width, height, x: [low, high], y: [0, 1], yTicks: [], left: 12,
  });

  const values_view = view('One batch among all values', 112, (width, height) => {
    const chart = axis(width, height), {batch} = all[power], m = mean(batch);
    const tick = (v) => [[chart.sx(v), chart.bottom - 22], [chart.sx(v), chart.bottom]];
    return [
      `Histogram of all values, with the ${batch.length} values of one batch; its mean is ${num(m)}.`,
      histogram(values, chart, 40, 'grid'), chart.nodes, strokes(batch.map(tick), 'series-1', {opacity: 0.8}),
      line([[chart.sx(m), chart.top - 4], [chart.sx(m), chart.bottom]], 'ink', {'stroke-width': 3}),
      word(chart.sx(m) + 7, chart.top + 8, `mean ${num(m)}`, {fill: 'var(--ink)'}),
    ];
  });
  const means_view = view(`The means of ${BATCHES} such batches`, 112, (width, height) => {
    const chart = axis(width, height), band = sigma / Math.sqrt(state.batch);
    const from = chart.sx(Math.max(low, mu - band)), to = chart.sx(Math.min(high, mu + band));
    return [
      `Histogram of ${BATCHES} means: spread ${num(all[power].spread, 3)} around ${num(mu)}.`,
      boxes([[from, chart.top - 6, to - from, chart.bottom - chart.top + 6]], 'grid', {opacity: 0.7}),
      histogram(all[power].means, chart, 80, 'series-0'), chart.nodes,
      word(chart.right, chart.top + 4, 'grey band: μ ± σ/√B', {'text-anchor': 'end'}),
    ];
  });
  const spread_view = view('Spread of the means', 258, (width, height) => {
    const log = Math.log10, theory = SIZES.map((size) => log(sigma / Math.sqrt(size)));
    const y = [Math.min(theory[8], log(all[8].spread)) - 0.1, theory[0] + 0.15];
    const decades = many(13, (i) => i - 6).flatMap((d) => [d, d + log(3)]);
    const chart = frame({
      width, height, x: [-0.3, 8.3], y, left: 52, yTitle: 'spread', xTitle: 'batch size B',
      xTicks: SIZES.map((size, i) => [i, size]),
      yTicks: decades.filter((v) => v > y[0] && v < y[1]).map((v) => [v, +(10 ** v).toPrecision(1)]),
    });
    const at = (v, i) => [chart.sx(i), chart.sy(v)];
    return [
      `Spread against batch size, both axes logarithmic: the means follow the line σ/√B.`,
      chart.nodes, line(theory.map(at), 'muted', {'stroke-dasharray': '6 4'}),
      dots([at(log(all[power].spread), power)], 'ink', 18),
      dots(all.map(({spread}, i) => at(log(spread), i)), 'series-0', 10),
      word(chart.sx(0.2), chart.sy(theory[0]) - 8, 'dashed: σ/√B'),
    ];
  });

  return {update, nodes: [
    el('div', {class: 'controls'}, slider('Batch size B', 'batch', String),
      button('New batches', () => put('draw', (state.draw % 999) + 1))),
    result, el('div', {class: 'views'}, el('div', {class: 'stack'}, values_view, means_view), spread_view),
  ]};
});
