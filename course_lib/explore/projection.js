mount(({state, result, put, button, view}) => {
  let now;
  const update = () => {
    now = split(state.x, state.dy);
    return say(now);
  };
  const axis = (width, height) =>
    frame({width, height, x: [0, 8], y: [-3, 3], xTicks: [], yTicks: ticks(-3, 3, 3), floor: 0, left: 26});
  const bars = (values, chart) => values.map((value, i) => [
    chart.sx(i + 0.14), chart.sy(Math.max(0, value)), chart.sx(0.72) - chart.sx(0),
    Math.abs(chart.sy(value) - chart.sy(0)),
  ]);

  let chart;
  const move = (i, value) => {
    const dy = state.dy.slice();
    dy[i] = +Math.min(3, Math.max(-3, value)).toFixed(1);
    put('dy', dy);
  };
  const handles = many(8, (i) => el('rect', {
    class: 'handle', role: 'slider', tabindex: 0, fill: 'transparent', rx: 4,
    'aria-label': `dy ${i + 1}`, 'aria-orientation': 'vertical',
    'aria-valuemin': -3, 'aria-valuemax': 3,
    keydown: (event) => {
      const by = {ArrowUp: 0.1, ArrowRight: 0.1, ArrowDown: -0.1, ArrowLeft: -0.1, PageUp: 1,
        PageDown: -1, Home: -9, End: 9}[event.key];
      if (!by) return;
      event.preventDefault();
      move(i, state.dy[i] + by);
    },
    pointerdown: ({pointerId}) => handles[i].setPointerCapture(pointerId),
    pointermove: (event) => {
      if (!handles[i].hasPointerCapture(event.pointerId)) return;
      const y = event.clientY - handles[i].ownerSVGElement.getBoundingClientRect().top;
      move(i, 3 - (6 * (y - chart.top)) / (chart.bottom - chart.top));
    },
  }));
  const upstream = view('dy, the upstream gradient: drag its bars', 190, (width, height) => {
    chart = axis(width, height);
    handles.forEach((handle, i) => set(handle, {
      x: near(chart.sx(i + 0.04)), y: 4, width: near(chart.sx(0.92) - chart.sx(0)), height: height - 8,
      'aria-valuenow': state.dy[i], 'aria-valuetext': num(state.dy[i], 1),
    }));
    const ends = state.dy.map((value, i) =>
      [[chart.sx(i + 0.14), chart.sy(value)], [chart.sx(i + 0.86), chart.sy(value)]]);
    return [`The eight values of dy: ${state.dy.map((value) => num(value, 1)).join(', ')}.`,
      chart.nodes, boxes(bars(state.dy, chart), 'series-0'),
      strokes(ends, 'ink', {'stroke-width': 4, 'stroke-linecap': 'round'})];
  }, ...handles);

  const part = (index, title, colour, about) => view(title, 96, (width, height) => {
    const small = axis(width, height), share = `${num(100 * now.shares[index], 1)}%`;
    return [`${about}: ${share} of dy’s square.`, small.nodes,
      boxes(bars(now.parts[index], small), colour),
      word(small.right, height - 5, share, {'text-anchor': 'end', fill: 'var(--ink)'})];
  });
  const parts = [
    part(0, '= mean, lost', 'muted', 'The mean of dy, lost'),
    part(1, '+ part along x̂, lost', 'series-1', 'The part of dy along x̂, lost'),
    part(2, '+ remainder, reaches x', 'series-2', 'The remainder, which reaches x'),
  ];

  const preset = (title, make) => button(title, () => put('dy', make()));
  return {update, nodes: [
    el('div', {class: 'controls'},
      preset('constant', () => many(8, () => 1)), preset('x̂', () => now.xHat),
      preset('one output', () => many(8, (i) => (i === 3 ? 2 : 0))),
      preset('remainder only', () => now.parts[2])),
    result, el('div', {class: 'views'}, set(upstream, {class: 'view wide'}), ...parts),
  ]};
});
