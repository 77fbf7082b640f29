mount(({state, result, put, slider, view}) => {
  const FAR = 2.2;
  let walks;
  const update = () => {
    walks = [walk(state, false), walk(state, true)];
    return say(state, ...walks);
  };
  const move = (u, v) =>
    put('start', [u, v].map((one) => +Math.min(2, Math.max(-2, one)).toFixed(1)));

  const panel = (index, title, colour) => {
    const handle = el('circle', {
      class: 'handle', r: 12, fill: 'var(--paper)', stroke: 'var(--ink)', 'stroke-width': 3,
      role: 'slider', tabindex: 0, 'aria-label': `Start, ${title}`,
      'aria-valuemin': -2, 'aria-valuemax': 2,
      keydown: (event) => {
        const by = {ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1]}[event.key];
        if (!by) return;
        event.preventDefault();
        move(state.start[0] + by[0], state.start[1] + by[1]);
      },
      pointerdown: ({pointerId}) => handle.setPointerCapture(pointerId),
      pointermove: (event) => {
        if (!handle.hasPointerCapture(event.pointerId)) return;
        const {left, top, width, height} = handle.ownerSVGElement.getBoundingClientRect();
        const scale = (2 * FAR) / Math.min(width, height);
        move((event.clientX - left - width / 2) * scale, (top + height / 2 - event.clientY) * scale * (index ? 1 : state.scale));
      },
    });
    return view(title, (width) => Math.min(width, 300), (width, height) => {
      const {path, losses, low, high, angle, condition, rate} = walks[index];
      const size = Math.min(width, height) / (2 * FAR), [cx, cy] = [width / 2, height / 2];
      const at = ([u, v]) => [cx + u * size, cy - v * size];
      const turn = `rotate(${near((-angle * 180) / Math.PI)} ${near(cx)} ${near(cy)})`;
      const rings = many(7, (k) => Math.sqrt(2 * (losses[0] || 1) * 4 ** (1 - k)) * size).map((r) => el('ellipse', {
        cx: near(cx), cy: near(cy), rx: near(r / Math.sqrt(high)), ry: near(r / Math.sqrt(low)),
        transform: turn, fill: 'none', stroke: 'var(--muted)', opacity: 0.5,
      }));
      // Where steps become shorter than a pixel there is nothing more to see.
      const shown = path.filter(([u, v]) => Math.hypot(u, v) < 30).map(at).filter(([x, y], i, all) =>
        i < 2 || Math.hypot(x - all[i - 1][0], y - all[i - 1][1]) > 1);
      const [x, y] = at(path[0]);
      set(handle, {
        cx: near(x), cy: near(y), 'aria-valuenow': state.start[0],
        'aria-valuetext': `w1 ${num(path[0][0], 1)}, w2 ${num(path[0][1], 2)}`,
      });
      return [
        `${title} features: condition number ${num(condition, 1)}, learning rate ${num(rate, 3)}.`,
        strokes([[[0, cy], [width, cy]], [[cx, 0], [cx, height]]], 'grid', {'stroke-width': 1}), rings,
        line(shown, colour), dots(shown, colour, 5.5),
        word(width - 18, cy - 6, 'w₁'), word(cx + 6, 12, 'w₂'),
      ];
    }, handle);
  };
  const losses = view('Loss', 140, (width, height) => {
    const power = (loss) => Math.log10(loss / (walks[0].losses[0] || 1));
    const chart = frame({
      width, height, x: [0, STEPS], y: [-6, 1], xTitle: 'steps', left: 46,
      yTicks: [[0, '1'], [-2, '1%'], [-4, '10⁻⁴'], [-6, '10⁻⁶']],
    });
    const curve = ({losses}, colour, dash) => {
      const points = losses.map((loss, step) => [step, power(loss)]).filter(([step, p]) => p >= -6 && p < 1 && (step < 9 || step % 3 === 0));
      return line(points.map(([step, p]) => [chart.sx(step), chart.sy(p)]), colour, {'stroke-dasharray': dash});
    };
    return ['Loss by step, logarithmic.',
      chart.nodes, curve(walks[0], 'series-1', '7 4'), curve(walks[1], 'series-0'),
      word(chart.right, 12, 'dashed: raw', {'text-anchor': 'end'})];
  });
  set(losses, {class: 'view wide'});

  return {update, nodes: [
    el('div', {class: 'controls'}, slider('Scale of feature 2', 'scale', (v) => `× ${num(v, 1)}`),
      slider('Correlation', 'correlation'), slider('Step, of the limit', 'step', (v) => `${v}%`)),
    result,
    el('div', {class: 'views'}, panel(0, 'Raw', 'series-1'),
      panel(1, 'Standardized', 'series-0'), losses),
    el('p', {class: 'key'}, 'Drag a disc, or use arrow keys: both are one model.'),
  ]};
});
