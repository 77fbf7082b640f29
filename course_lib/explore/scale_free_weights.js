mount(({state, result, slider, view}) => {
  let run, goal;
  const update = () => {
    run = train(state);
    goal = state.decay ? equilibrium(state, run.pull) : 0;
    return say(state, run);
  };

  const plane = view('Path of w; the loss is equal along a ray', 250, (width, height) => {
    const far = Math.max(1, ...run.lengths) * 1.1, [cx, cy] = [width / 2, height / 2];
    const unit = (height / 2 - 4) / far, at = ([a, b]) => [cx + a * unit, cy - b * unit];
    const rim = (angle, r = far) => at([r * Math.cos(angle), r * Math.sin(angle)]);
    const rays = many(12, (i) => [[cx, cy], rim((i * Math.PI) / 6)]);
    const points = run.path.filter((_, step) => step < 20 || step % 12 === 0).map(at);
    return [
      `From length ${num(state.length)} w turns towards the ray of least loss; it ends at length ${
        num(run.lengths[STEPS])}.`,
      strokes(rays, 'grid', {'stroke-width': 1}),
      line([[cx, cy], rim(0)], 'series-2', {'stroke-width': 3}),
      goal && goal < far
        ? el('circle', {cx, cy, r: near(goal * unit), fill: 'none', stroke: 'var(--ink)', 'stroke-dasharray': '5 4'}) : '',
      line(points.slice(0, 20), 'series-0', {'stroke-width': 1.2}), dots(points, 'series-0', 3),
      dots(points.slice(0, 1), 'series-1', 12),
      word(points[0][0] - 10, points[0][1] - 8, 'start', {'text-anchor': 'end'}),
      word(rim(0)[0], cy + 16, 'least loss', {'text-anchor': 'end'}),
    ];
  });
  const curve = (title, pick, expected, words) => view(title, 118, (width, height) => {
    const log = Math.log10, values = run.lengths.map((one) => log(pick(one)));
    const ends = [Math.min(...values, goal ? expected() : 9), Math.max(...values, goal ? expected() : -9)];
    const y = [ends[0] - 0.1, ends[1] + 0.1], marks = [1, 2, 5].flatMap((k) => many(11, (i) => log(k) + i - 6));
    const inside = marks.filter((v) => v > y[0] && v < y[1]).sort((a, b) => a - b);
    const kept = inside.filter((_, i) => i % Math.ceil(inside.length / 4) === 0);
    const chart = frame({
      width, height, x: [0, STEPS], y, left: 46,
      yTicks: kept.map((v) => [v, +(10 ** v).toPrecision(1)]),
    });
    const some = values.map((v, step) => [chart.sx(step), chart.sy(v)]).filter((_, step) => step % 20 === 0);
    return [
      `${words} over ${STEPS} steps: from ${num(10 ** values[0], 3)} to ${num(10 ** values[STEPS], 3)}.`,
      chart.nodes, line(some, 'series-0'),
      goal ? line([[chart.left, chart.sy(expected())], [chart.right, chart.sy(expected())]], 'ink',
        {'stroke-dasharray': '5 4', 'stroke-width': 1.5}) : '',
    ];
  });
  const lengths = curve('‖w‖ over the steps', (one) => one, () => Math.log10(goal), 'Length');
  const rates = curve('Effective rate η/‖w‖²', (one) => state.rate / one ** 2,
    () => Math.log10(state.rate / goal ** 2), 'Effective rate');

  return {update, nodes: [
    el('div', {class: 'controls'}, slider('Learning rate η', 'rate', String),
      slider('Weight decay λ', 'decay', String), slider('‖w‖ at the start', 'length', (v) => num(v, 1))),
    result, el('div', {class: 'views'}, plane, el('div', {class: 'stack'}, lengths, rates)),
    el('p', {class: 'key'}, 'Dashed: where decay and steps balance. Both charts are logarithmic.'),
  ]};
});
