const COLOURS = [['series-1', null], ['series-2', '6 3'], ['series-0', '2 2.5']];
const image = new Image();
image.src = PHOTOGRAPH;
image.decode().then(() => {
  const {width: wide, height: high} = image;
  const paper = el('canvas', {width: wide, height: high}).getContext('2d');
  paper.drawImage(image, 0, 0);
  const {data} = paper.getImageData(0, 0, wide, high);
  const photo = many(3, (c) => many(wide * high, (i) => data[4 * i + c] / 255));

  mount(({state, result, slider, choice, check, view}) => {
    let input, output, affine;
    const panes = [];
    const update = () => {
      input = adjust(photo, state);
      ({y: output, affine} = normalize(input, state.over));
      panes.forEach((pane) => pane());
      return say(photo, state);
    };
    const isPlain = () => state.over === 'nothing';
    // A canvas, and below it the histograms. The output is shown from -2.5 to 2.5.
    const pane = (title, get, plain, words) => {
      const canvas = el('canvas', {width: wide, height: high, role: 'img'});
      const context = canvas.getContext('2d');
      panes.push(() => {
        const pixels = context.createImageData(wide, high), channels = get();
        const [slope, lift] = plain() ? [1, 0] : [0.2, 0.5];
        channels.forEach((channel, c) => channel.forEach((value, i) => {
          pixels.data[4 * i + c] = 255 * (slope * value + lift);
          pixels.data[4 * i + 3] = 255;
        }));
        context.putImageData(pixels, 0, 0);
        set(canvas, {'aria-label': words()});
        canvas.photograph = PHOTOGRAPH;
        canvas.affine = many(3, (c) => {
          const warm = 1 + state.warmth * (1 - c), [scale, shift] = plain === always ? [1, 0] : affine[c];
          const base = (0.5 - 0.5 * state.contrast + state.brightness) * warm;
          return [slope * scale * state.contrast * warm, slope * (scale * base + shift) + lift];
        });
      });
      const histogram = view('', 82, (width, height) => {
        const [from, to] = plain() ? [-0.5, 1.5] : [-3, 3], bins = 24;
        const chart = frame({width, height, x: [from, to], y: [0, 1], yTicks: [], left: 12});
        const curves = get().map((channel, c) => {
          const counts = many(bins, () => 0);
          for (const value of channel) {
            const bin = Math.floor(((value - from) / (to - from)) * bins);
            counts[Math.min(bins - 1, Math.max(0, bin))]++;
          }
          const tall = (count) => Math.min(1, Math.sqrt((3 * count) / channel.length));
          const points = counts.map((count, i) =>
            [chart.sx(from + ((i + 0.5) / bins) * (to - from)), chart.sy(tall(count))]);
          return line(points, COLOURS[c][0], {'stroke-dasharray': COLOURS[c][1]});
        });
        const spread = get().map((channel) => moments(channel).map((v, i) => num(i ? Math.sqrt(v) : v)));
        const names = ['red', 'green', 'blue'].map((name, c) => `${name} ${spread[c].join(' and ')}`);
        return [`Histograms; mean and spread of ${names.join(', ')}.`, chart.nodes, curves];
      });
      return el('div', {class: 'view'}, el('p', {class: 'title'}, title), canvas, histogram);
    };
    const always = () => true;
    const changed = () => `contrast ${num(state.contrast)}, brightness ${num(state.brightness)}, `
      + `warmth ${num(state.warmth)}`;
    const left = pane('Input', () => input, always,
      () => `A temple, ${changed()}.`);
    const right = pane('Output', () => output, isPlain,
      () => (isPlain() ? 'The same picture.' : `The temple after the norm: RMS difference ${
        num(difference(photo, state), 3)} to that of the untouched photograph.`));

    return {update, nodes: [
      el('div', {class: 'controls'}, slider('Contrast', 'contrast'), slider('Brightness', 'brightness'),
        slider('Warmth', 'warmth'), choice('One mean for', 'over',
          [['nothing', 'nothing'], ['channel', 'each channel'], ['all', 'all channels']]),
        check('Clip to 0 … 1', 'clip')),
      result, el('div', {class: 'views'}, left, right),
      el('p', {class: 'key'}, 'Red channel solid, green dashed, blue dotted. '
        + 'Photograph: danielbuechele, CC BY 2.0, cropped.'),
    ]};
  });
});
