import {many, mean, moments, normals, num} from './numbers.math.mjs';

export const WIDTH = 32, BATCH = 16;
const sigmoid = (z) => 0.5 * (1 + Math.tanh(z / 2));
const ACTIVATIONS = {
  linear: [(z) => z, () => 1],
  ReLU: [(z) => Math.max(z, 0), (z) => (z > 0 ? 1 : 0)],
  tanh: [Math.tanh, (z) => 1 - Math.tanh(z) ** 2],
  sigmoid: [sigmoid, (z) => sigmoid(z) * sigmoid(-z)],
};
const drawn = (seed, rows) => {
  const next = normals(seed);
  return many(rows, () => many(WIDTH, next));
};
const memory = {};
// Layer 0 is the input, layer -1 the gradient at the end; a layer's weights do not depend on depth.
const draw = (layer) => memory[layer] ??= drawn(layer + 101, layer > 0 ? WIDTH : BATCH);
const transpose = (rows) => rows[0].map((_, i) => rows.map((row) => row[i]));
const rms = (rows) => Math.sqrt(mean(rows.map((row) => mean(row.map((value) => value * value)))));
const times = (rows, columns) => rows.map((row) => columns.map((column) => {
  let sum = 0;
  for (let i = 0; i < row.length; i++) sum += row[i] * column[i];
  return sum;
}));

// Standardize each row, and pull a gradient back through that; batch norm does it to columns.
const standardize = (rows, eps) => rows.map((row) => {
  const [m, v] = moments(row), inverse = 1 / Math.sqrt(v + eps);
  return {inverse, xHat: row.map((value) => (value - m) * inverse)};
});
const pullBack = (rows, kept) => rows.map((g, i) => {
  const {inverse, xHat} = kept[i], average = mean(g), along = mean(g.map((v, k) => v * xHat[k]));
  return g.map((v, k) => inverse * (v - average - xHat[k] * along));
});

// Root mean squares by layer: the signal before the activation, its gradient, the weights' one.
export const flow = ({depth, scale, activation, norm}, eps = 1e-5) => {
  const [act, slope] = ACTIVATIONS[activation], turn = norm === 'batch' ? transpose : (rows) => rows;
  const inputs = [draw(0)], z = [], kept = [], signal = [], gradient = [], weights = [];
  const factor = scale / Math.sqrt(WIDTH);
  for (let layer = 1; layer <= depth; layer++) {
    const pre = times(inputs[layer - 1], draw(layer)).map((row) => row.map((value) => value * factor));
    signal.push(rms(pre));
    kept.push(norm === 'none' ? null : standardize(turn(pre), eps));
    z.push(norm === 'none' ? pre : turn(kept[layer - 1].map(({xHat}) => xHat)));
    inputs.push(z[layer - 1].map((row) => row.map(act)));
  }
  let back = draw(-1);
  for (let layer = depth; layer >= 1; layer--) {
    if (norm !== 'none') back = turn(pullBack(turn(back), kept[layer - 1]));
    gradient.unshift(rms(back));
    weights.unshift(rms(times(transpose(back), transpose(inputs[layer - 1]))));
    if (layer > 1) {
      back = times(back, transpose(draw(layer)).map((row) => row.map((value) => value * factor)))
        .map((row, n) => row.map((value, k) => value * slope(z[layer - 2][n][k])));
    }
  }
  return {signal, gradient, weights};
};

const raised = (digits) => [...digits].map((one) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[one] ?? '⁻').join('');
// 12, 0.3 or 2.1·10⁻⁷.
export const power = (value) => {
  if (value >= 0.01 && value < 1000) return num(value, value < 1 ? 2 : value < 10 ? 1 : 0);
  const digits = Math.floor(Math.log10(value));
  return `${num(value / 10 ** digits, 1)}·10${raised(String(digits))}`;
};

export const say = ({depth}, {signal, weights}) => {
  const [first, last] = [weights[0], weights[depth - 1]], ratio = first / last;
  const shrunk = signal[depth - 1] / signal[0], a = ratio ** (1 / (depth - 1));
  if (!(first > 0 && last > 0)) return 'Every unit is off: no gradient reaches any weight.';
  const start = `Layer 1’s weights get ${power(ratio)} times the gradient of layer ${depth}’s: `
    + `a factor ${num(a)} a layer, to the power ${depth - 1}. `;
  if (ratio < 0.1) return `${start}Layer 1 stops learning first.`;
  if (ratio > 10) return `${start}A step small enough for layer 1 leaves layer ${depth} where it is.`;
  if (shrunk < 0.1 || shrunk > 10) {
    return `${start}${shrunk < 1 ? 'They stop together' : 'They explode together'}: on the way to layer `
      + `${depth} the signal ${shrunk < 1 ? 'shrinks' : 'grows'} by as much as the gradient does on the way back, ${power(shrunk)}.`;
  }
  return `${start}Neither stops before the other.`;
};
