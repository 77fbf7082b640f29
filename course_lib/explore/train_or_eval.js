mount(({state, result, slider, choice, view}) => {
  let key, trained, now;
  const update = () => {
    const wanted = [state.momentum, state.drift, state.batch, state.stored].join();
    if (wanted !== key) trained = train(state);
    key = wanted;
    now = bothWays(trained, state);
    return say(state, trained);
  };

  // Batches as dots, memory as a line, truth dashed: `pick` says which of the two statistics.
  const course = (title, pick, truth, range, described) => view(title, 170, (width, height) => {
    const chart = frame({width, height, x: [0, STEPS], y: range, left: 28, xTitle: 'training steps'});
    const at = (v, step) => [chart.sx(step), chart.sy(Math.min(range[1], Math.max(range[0], v)))];
    const past = trained.memory.slice(0, state.steps + 1).map((pair, step) => at(pair[pick], step));
    const seen = trained.batches.map((one, step) => at(pick ? one.v : one.m, step));
    return [
      `${described}: memory ${num(pick ? now.v : now.m)}, next batch ${num(pick ? now.batch.v : now.batch.m)}.`,
      chart.nodes, dots(seen.filter((_, step) => step % 3 === 0), 'series-0', 3.5),
      line([at(truth(0), 0), at(truth(STEPS), STEPS)], 'ink', {'stroke-dasharray': '5 4', 'stroke-width': 1.5}),
      line(past, 'series-1', {'stroke-width': 3}), dots(past.slice(-1), 'series-1', 12),
    ];
  });
  const means = course('Mean', 0, (step) => meanAt(state.drift, step), [-0.5, 7.5], 'Mean over the steps');
  const vars = course('Variance', 1, () => SPREAD ** 2, [0, 8], 'Variance over the steps');
  const both = view('x̂ of the example, normalized both ways', 74, (width, height) => {
    const chart = frame({width, height, x: [-1, 6], y: [0, 1], yTicks: [], left: 14});
    const at = (v) => chart.sx(Math.min(6, Math.max(-1, v)));
    const mark = (v, y, colour, words) => [
      line([[at(1), y], [at(v), y]], colour, {'stroke-width': 3}),
      colour === 'series-0' ? boxes([[at(v) - 6, y - 6, 12, 12]], colour) : dots([[at(v), y]], colour, 13),
      word(at(Math.max(v, 1)) + 12, y + 4, words, {fill: 'var(--ink)'}),
    ];
    return [
      `The example: ${num(now.batch.xHat)} by the batch, ${num(now.byMemory)} by the memory.`,
      chart.nodes, line([[at(1), 2], [at(1), chart.bottom]], 'ink', {'stroke-dasharray': '5 4', 'stroke-width': 1.5}),
      mark(now.batch.xHat, 14, 'series-0', 'batch'), mark(now.byMemory, 38, 'series-1', 'memory'),
    ];
  });
  set(both, {class: 'view wide'});

  return {update, nodes: [
    el('div', {class: 'controls'}, slider('Training steps', 'steps', String),
      slider('Momentum α', 'momentum', String), slider('Drift of the mean', 'drift', (v) => num(v, 1)),
      slider('Batch size B', 'batch', String),
      choice('Stored variance', 'stored')),
    result, el('div', {class: 'views'}, both, means, vars),
    el('p', {class: 'key'}, 'Dots: batches. Line: memory. Dashed: the channel’s own.'),
  ]};
});
