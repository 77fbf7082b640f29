import {mean, moments, num} from './numbers.math.mjs';

export const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEF';
// Sample, channel and position of value k of the picture, 4 rows of 8 columns.
export const spot = (layout, k) =>
  layout === '(n, c)' ? [k & 7, k >> 3, 0] : [(k & 7) >> 2, k >> 3, k & 3];
// Its index in the tensor.
export const place = (layout, k) => {
  const [n, c, p] = spot(layout, k);
  return {'(n, c)': [n, c], '(n, c, l)': [n, c, p], '(n, t, d)': [n, p, c]}[layout]
    || [n, c, p >> 1, p & 1];
};
export const keyOf = ({norm, groups}) => norm + (norm === 'group norm' ? ` ${groups}` : '');

// Blocks of `spans` values along the axes share statistics: [mean, divisor, what is told of it].
export const normalize = (values, layout, {kind, eps}, spans) => {
  const keys = values.map((_, k) => '' + place(layout, k).map((at, axis) => Math.floor(at / spans[axis])));
  const names = [...new Set(keys)], ids = keys.map((key) => names.indexOf(key));
  const stats = names.map((_, id) => {
    const group = values.filter((_, k) => ids[k] === id), [m, v] = moments(group);
    const square = mean(group.map((value) => value ** 2)), length = Math.sqrt(square * group.length);
    return {
      std: [m, Math.sqrt(v + eps), `mean ${num(m)}, variance ${num(v)}`],
      rms: [0, Math.sqrt(square + eps), `mean square ${num(square)}`],
      length: [0, Math.max(length, eps), `length ${num(length)}`],
    }[kind];
  });
  const y = values.map((value, k) => (value - stats[ids[k]][0]) / (stats[ids[k]][1] || 1));
  return {ids, stats, y};
};

// What the norm makes of the values in the layout, or the words by which the layer refuses it.
export const run = ({values, layout, ...state}, norms) => {
  const norm = norms[keyOf(state)], given = norm.layouts[layout];
  const renamed = norm.weights ? {n: 'out', c: 'in'} : {};
  const letters = layout.slice(1, -1).split(', ').map((letter) => renamed[letter] || letter);
  const shape = place(layout, 31).map((last) => last + 1), now = {norm, letters, shape};
  if (!Array.isArray(given)) return {...now, refusal: given, y: [], ids: [...values.keys()]};
  return {...now, spans: given[0], call: given[1], ...normalize(values, layout, norm, given[0])};
};

// The axes in words, and NumPy's call; an axis of several groups is cut in two.
export const words = ({letters, shape, spans}) => letters.map((letter, axis) =>
  letter + (spans[axis] < shape[axis] ? ` (${spans[axis]} of ${shape[axis]})` : ''))
  .filter((_, axis) => spans[axis] > 1).join(', ') || 'no axis';
export const code = ({norm: {kind}, shape, spans}) => {
  const cut = [], axes = [];
  spans.forEach((part, axis) => {
    if (part < shape[axis]) cut.push(shape[axis] / part);
    if (part > 1) axes.push(cut.push(part) - 1);
  });
  const x = cut.length > shape.length ? `x.reshape(${cut.join(', ')})` : 'x', list = axes.join(', ');
  const over = `(${axes.length === 1 ? list : '(' + list + ')'}, keepdims=True)`;
  return {std: `${x}.mean${over}`, rms: `np.square(${x}).mean${over}`,
    length: `np.sqrt(np.square(${x}).sum${over})`}[kind];
};
export const FORMULAS = {std: '(x − mean) / √(variance + ε)', rms: 'x / √(mean square + ε)', length: 'x / length'};
const SHARED = {std: 'mean and variance', rms: 'mean square', length: 'length'};

export const say = (state, {norm, letters, shape, refusal, ids, stats, y}, moved) => {
  const {cell, values, layout} = state, name = keyOf(state).replace(/ (\d)$/, ' with $1 groups').replace('1 groups', '1 group');
  const title = `${name[0].toUpperCase()}${name.slice(1)} of (${letters.join(', ')})`;
  if (refusal) return `${title}: the layer refuses it: ${refusal}.`;
  const mates = [...ids.keys()].filter((k) => ids[k] === ids[cell]), others = mates.length - 1;
  const across = mates.filter((k) => spot(layout, k)[0] !== spot(layout, cell)[0]).length;
  const one = norm.weights ? 'filter' : 'sample', whose = shape[0] === 2 ? `the other ${one}` : `other ${one}s`;
  return `${title}: x[${place(layout, cell).join(', ')}] shares its ${SHARED[norm.kind]} with ${
    others || 'no'} other value${others === 1 ? '' : 's'}, group ${LETTERS[ids[cell]]}: ${
    stats[ids[cell]][2]}. So ${num(values[cell], 1)} becomes ${num(y[cell])}. `
    + (others === 1 && norm.kind === 'std' ? 'Of two values the norm keeps only which one is larger.'
      : others ? `Change it, and ${others + 1} outputs can move, ${across || 'none'} of them in ${whose}.`
      : 'Alone it is its own mean, and no output moves.')
    + (moved ? ` Your edits have moved ${moved} of 32 outputs, marked •.` : '');
};
