mount(({state, result, put, slider, check, view}) => {
  let now, geometry;
  const update = () => {
    now = run(state);
    return say(state, now);
  };
  const LETTERS = 'ABCDEFGHIJKLMNOP';
  const pick = el('rect', {
    class: 'pick', fill: 'transparent', x: 0, y: 0, width: '100%', height: '100%',
    click: (event) => {
      const {left, top} = pick.getBoundingClientRect(), {x0, cell, row, gap} = geometry;
      const x = event.clientX - left - x0, sample = x < POSITIONS * cell + gap / 2 ? 0 : 1;
      const position = Math.floor((x - sample * (POSITIONS * cell + gap)) / cell);
      const channel = Math.floor((event.clientY - top - 18) / row);
      if (position >= 0 && position < POSITIONS && channel >= 0 && channel < CHANNELS) {
        put('cell', (sample * CHANNELS + channel) * POSITIONS + position);
      }
    },
  });
  const sheets = view('Outputs; rows of one letter share a mean', 236, (width) => {
    const x0 = 36, gap = 26, row = 27, cell = (width - x0 - gap) / 8;
    geometry = {x0, gap, row, cell};
    const at = (i) => {
      const [sample, channel, position] = place(i);
      return [x0 + sample * (POSITIONS * cell + gap) + position * cell, 18 + channel * row];
    };
    const frames = (keep) => now.y.map((_, i) => [...at(i), cell - 2, row - 2]).filter((_, i) => keep(i));
    const small = {'text-anchor': 'end', 'font-size': 11, fill: 'var(--ink)'};
    return [
      `${nameOf(state)}: ${now.moved.filter(Boolean).length} of 64 outputs move.`,
      boxes(frames((i) => !now.moved[i]), 'soft'),
      boxes(frames((i) => now.moved[i]), 'series-0', {'fill-opacity': 0.28}),
      boxes(frames((i) => i === state.cell), 'none', {fill: 'none', stroke: 'var(--ink)', 'stroke-width': 2.5}),
      el('g', small, ...now.y.map((value, i) => word(at(i)[0] + cell - 6, at(i)[1] + 17, num(value, 1)))),
      many(CHANNELS, (c) => word(0, 18 + c * row + 17, `c${c}`)),
      el('g', {...small, 'font-size': 12, 'font-weight': 'bold'}, ...many(2 * CHANNELS, (r) =>
        word(at(r * POSITIONS)[0] - 6, at(r * POSITIONS)[1] + 17, LETTERS[now.ids[r * POSITIONS]]))),
      [0, 1].map((n) => word(x0 + n * (POSITIONS * cell + gap), 12, `sample ${n}`)),
    ];
  }, pick);
  set(sheets, {class: 'view wide'});

  return {update, nodes: [
    el('div', {class: 'controls'}, slider('Groups of channels', 'groups', String),
      check('Mean over both samples', 'batch'),
      slider('Changed value', 'cell', (i) => `x[${place(i).join(', ')}]`),
      slider('Change', 'change', (v) => num(v, 1))),
    result, el('div', {class: 'views'}, sheets),
    el('p', {class: 'key'}, 'Shaded: moved by the change. Click a value to change it instead.'),
  ]};
});
