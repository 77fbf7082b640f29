mount(({state, result, put, slider, choice, view}) => {
  const first = state.values.slice(), every = [...first.keys()];
  let now, moved, tokens;
  const update = () => {
    const v = state.values[state.cell];
    now = run(state, NORMS);
    tokens = state.layout === '(n, t, d)';
    const before = run({...state, values: first}, NORMS).y;
    moved = now.y.map((value, k) => Math.abs(value - before[k]) > 1e-4);
    norm.value = state.norm;
    groups.hidden = state.norm !== 'group norm';
    if (typed.valueAsNumber !== v) typed.value = v;
    set(range, {'aria-valuetext': num(v, 1)}).value = v;
    label.textContent = nameOf(state.cell);
    about.hidden = !!now.refusal;
    about.replaceChildren(...(now.refusal ? [] : [
      ['Formula', 'code', FORMULAS[now.norm.kind]], ['Over', 'span', words(now)], ['NumPy', 'code', code(now)],
      now.norm.home ? ['torch', 'code', now.norm.home + now.call] : ['torch', 'span', 'has none'],
      ['course_lib', 'code', `torch_layers.${now.call}`],
    ]).flatMap(([title, tag, what]) => [el('dt', {}, title), el('dd', {}, el(tag, {}, what))]));
    return say(state, now, moved.filter(Boolean).length);
  };
  const nameOf = (k) => `x[${place(state.layout, k).join(', ')}]`;
  const edit = (k, value) => {
    if (Number.isNaN(value)) return;
    const values = state.values.slice();
    values[k] = +Math.min(4, Math.max(-4, value)).toFixed(1) || 0;
    put('values', values);
    put('cell', k);
  };
  const field = (type, more) => el('input', {
    type, min: -4, max: 4, step: 0.1, ...more, input: ({target}) => edit(state.cell, target.valueAsNumber),
  });
  const id = `explore-${count++}`, range = field('range', {id});
  const typed = field('number', {'aria-label': 'The value, typed'}), label = el('label', {for: id});
  const norm = el('select', {change: () => put('norm', norm.value)},
    ...RULES.norm.map((name) => el('option', {}, name)));
  const groups = slider('Groups', 'groups', String), about = el('dl');

  let from;
  const cells = every.map((k) => el('rect', {
    class: 'handle', role: 'gridcell', fill: 'transparent', height: 50,
    click: () => choose(k),
    pointerdown: ({pointerId, pointerType, clientY}) => {
      from = [clientY, state.values[k]];
      if (pointerType === 'mouse') cells[k].setPointerCapture(pointerId);
    },
    // A finger scrolls the page; a hand that clicks trembles.
    pointermove: ({pointerId, pointerType, clientY}) => {
      const up = (from && from[0] - clientY) || 0;
      if (pointerType === 'mouse' && cells[k].hasPointerCapture(pointerId) && Math.abs(up) > 3) edit(k, from[1] + up / 20);
    },
    keydown: (event) => {
      const {key} = event, row = k - (k % 8);
      const to = {ArrowUp: k - 8, ArrowDown: k + 8, ArrowLeft: Math.max(row, k - 1),
        ArrowRight: Math.min(row + 7, k + 1), Home: row, End: row + 7}[key];
      const by = {'+': 0.5, '=': 0.5, '-': -0.5}[key];
      if (by) edit(k, state.values[k] + by);
      else if (key === 'Enter') typed.focus();
      else if (to !== undefined) choose(to);
      else return;
      event.preventDefault();
    },
  }));
  const choose = (k) => {
    if (!cells[k]) return;
    put('cell', k);
    cells[k].focus();
  };
  // Draw outlines of values by group, the chosen group framed and the chosen value in ink.
  const isMate = (k) => now.ids[k] === now.ids[state.cell], hue = () => `series-${now.ids[state.cell] % 5}`;
  const mark = (outline) => [
    now.refusal ? outline(every, 'soft') : many(5, (c) => outline(every.filter((k) => now.ids[k] % 5 === c && !isMate(k)), `series-${c}`, {'fill-opacity': 0.13})),
    now.refusal ? [] : outline(every.filter(isMate), hue(), {'fill-opacity': 0.36, stroke: `var(--${hue()})`, 'stroke-width': 2}),
    outline([state.cell], '', {fill: 'none', stroke: 'var(--ink)', 'stroke-width': 3.5}),
  ];
  // Letters of the first columns, a row at once: SVG's x places each.
  const spell = (x, y, columns, more) => (now.refusal ? [] : el('g', more, ...many(4, (c) => {
    const row = many(columns, (j) => 8 * c + j);
    return word(0, y(8 * c), row.map((k) => LETTERS[now.ids[k]]).join(''), {x: row.map(x).join(' ')});
  })));
  const middle = {'text-anchor': 'middle'}, ink = {...middle, fill: 'var(--ink)'};

  const sheets = view('x in bold, its output below; one letter, one group', 232, (width) => {
    const columns = state.layout === '(n, c)' ? 1 : 4, gap = columns > 1 ? 14 : 5;
    const size = Math.floor((width - 22 - (8 / columns - 1) * gap) / 8), y = (k) => 19 + (k >> 3) * 54;
    const x = (k) => 22 + (k % 8) * size + spot(state.layout, k)[0] * gap;
    cells.forEach((cell, k) => set(cell, {
      x: x(k), y: y(k), width: size - 3, tabindex: k === state.cell ? 0 : -1,
      'aria-selected': `${k === state.cell}`, 'aria-label': `${nameOf(k)} = ${num(state.values[k], 1)}`
        + (now.refusal ? '' : `, group ${LETTERS[now.ids[k]]}, output ${num(now.y[k])}`) + (moved[k] ? ', moved' : ''),
    }));
    const each = (dy, make, more) => el('g', {...ink, ...more}, ...every.map((k) =>
      word(x(k) + (size >> 1) - 1, y(k) + dy, make(k))));
    return [`x and the output of ${state.norm}`,
      mark((list, colour, more) => boxes(list.map((k) => [x(k), y(k), size - 3, 50]), colour, more)),
      each(29, (k) => num(state.values[k], 1), {'font-weight': 'bold', 'font-size': size < 40 ? 11 : 13}),
      now.refusal ? [] : each(44, (k) => num(now.y[k]) + (moved[k] ? '•' : ''), {'font-size': 11}),
      spell((k) => x(k) + 5, (k) => y(k) + 13, 8, {'font-size': 11, fill: 'var(--ink)'}),
      many(4, (c) => word(0, y(8 * c) + 29, (tokens ? 'd' : now.letters[1][0]) + c)),
      many(8 / columns, (n) => word(x(n * columns), 12, `${now.letters[0]} = ${n}`)),
    ].flat(2);
  }, ...many(4, (c) => el('g', {role: 'row'}, ...cells.slice(8 * c, 8 * c + 8))));
  const grid = set(sheets, {class: 'view wide'}).lastChild;
  set(grid, {role: 'grid'}).firstChild.setAttribute('aria-hidden', true);

  const block = view('The same values as a block', 200, (width) => {
    const [deep, dx, dy, wide] = state.layout === '(n, c)' ? [8, 16, 7, 1] : [2, 30, 22, 4];
    const left = (width - wide * 30 - deep * dx) >> 1, top = 12 + deep * dy, faces = [];
    // The face of value k at a corner, by the path around it.
    const face = (k, n, c, p, path) => faces.push([k, `M${left + p * 30 + n * dx},${top + c * 30 - n * dy}${path}z`]);
    for (const k of every) {
      const [n, c, p] = spot(state.layout, k), deeper = `l${dx},-${dy}`, back = `l-${dx},${dy}`;
      if (!c) face(k, n, 0, p, deeper + 'h30' + back);
      if (p + 1 === wide) face(k, n, c, wide, deeper + 'v30' + back);
      if (!n) face(k, 0, c, p, 'h30v30h-30');
    }
    return [`Block of ${deep} by 4 by ${wide}`, mark((list, colour, more) => el('path', {
      d: faces.filter(([k]) => list.includes(k)).map(([, d]) => d).join(''),
      fill: `var(--${colour})`, stroke: 'var(--paper)', ...more,
    })), spell((k) => left + 30 * spot(state.layout, k)[2] + 15, (k) => top + 30 * (k >> 3) + 19, wide, ink), el('g', middle,
      word(left - 14, top + 64, now.letters[tokens ? 2 : 1]), word(left + deep * dx / 2 - 14, top - deep * dy / 2, now.letters[0]),
      word(left + 15 * wide, top + 136, tokens ? 't' : now.letters.slice(2).join(', '))),
    ].flat(2);
  });

  const before = view('The group before and after', 200, (width) => {
    if (now.refusal) return ['No output', word(0, 14, 'No output')];
    const sx = (v) => width / 2 + (v * (width - 16)) / 9, mates = every.filter(isMate), [m, size, told] = now.stats[now.ids[state.cell]];
    const row = (y, list) => [
      line([[0, y], [width, y]], 'grid', {'stroke-width': 1}), dots(mates.map((k) => [sx(list[k]), y]), hue(), 10),
      el('circle', {cx: near(sx(list[state.cell])), cy: y, r: 7, fill: 'none', stroke: 'var(--ink)', 'stroke-width': 2.5}),
    ];
    const band = (from, to, y) => [sx(from), y - 11, sx(to) - sx(from), 22];
    return [`Inputs of the group, ${told}, and their outputs`,
      now.norm.kind === 'length' ? [] : boxes([band(m - size, m + size, 52), band(-1, 1, 132)], hue(), {'fill-opacity': 0.16}),
      strokes(mates.map((k) => [[sx(state.values[k]), 52], [sx(now.y[k]), 132]]), hue(), {'stroke-width': 1, 'stroke-opacity': 0.5}),
      line([[sx(m), 38], [sx(m), 66]], 'ink'), row(52, state.values), row(132, now.y),
      word(0, 14, 'inputs'), word(0, 32, told, {fill: 'var(--ink)'}), word(0, 112, 'outputs'),
      el('g', middle, ...[-4, -2, 0, 2, 4].map((tick) => word(sx(tick), 166, num(tick, 0)))),
    ].flat();
  });

  return {update, nodes: [
    el('div', {class: 'controls'}, el('label', {class: 'norm'}, 'Norm', norm), choice('Layout', 'layout'), groups,
      el('div', {class: 'value-row'}, el('div', {class: 'slider'}, label, range), typed)),
    result, el('div', {class: 'views'}, sheets, block, before), about,
    el('p', {class: 'key'}, 'Click a value or walk by arrow keys; + and − change it, Enter leads to its field. The mouse drags it up and down.'),
  ]};
});
