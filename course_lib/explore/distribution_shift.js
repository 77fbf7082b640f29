mount(({state, result, slider, view}) => {
  const LOW = -6, HIGH = 6, BINS = 30;
  let pairs;
  const update = () => {
    const old = before(), now = after(state);
    pairs = [[old, now], [batchNorm(old), batchNorm(now)]];
    return say(state);
  };
  const panel = (index, title) => view(title, 190, (width, height) => {
    const [old, now] = pairs[index], counts = [old, now].map((one) => histogram(one, LOW, HIGH, BINS));
    const most = Math.max(...counts.flat());
    const chart = frame({width, height, x: [LOW, HIGH], y: [0, most], yTicks: [], left: 14, xTitle: 'value of the unit'});
    const wide = (HIGH - LOW) / BINS, at = (bin) => chart.sx(LOW + bin * wide);
    const steps = counts[1].flatMap((n, bin) => [[at(bin), chart.sy(n)], [at(bin + 1), chart.sy(n)]]);
    return [
      `${title}: D = ${num(distance(old, now))}.`,
      boxes(counts[0].map((n, bin) => [at(bin), chart.sy(n), at(1) - at(0) - 1, chart.bottom - chart.sy(n)]), 'series-0', {opacity: 0.45}),
      ...chart.nodes, line([[at(0), chart.bottom], ...steps, [at(BINS), chart.bottom]], 'series-1'),
      word(chart.left + 2, 14, `D = ${num(distance(old, now))}`),
    ];
  });
  return {update, nodes: [
    el('div', {class: 'controls'}, slider('Push', 'push', (v) => num(v, 1)),
      slider('Stretch', 'stretch', (v) => num(v, 1)), slider('Bend the shape', 'bend', (v) => num(v, 1))),
    result, el('div', {class: 'views'}, panel(0, 'Without a norm'), panel(1, 'Behind a batch norm')),
    el('p', {class: 'key'}, 'Filled: before the update. Line: after it. 200 examples of one unit.'),
  ]};
});
