import {many, mean, moments, normals, num} from './numbers.math.mjs';

// Bits of the significand, exponent of the smallest normal number, and the largest number where
// the figure can pass it.
export const FORMATS = {
  float16: [11, -14, 65504], bfloat16: [8, -126], float32: [24, -126],
};

// How far the numbers of a format are apart at a value.
export const spacing = (value, [bits, low]) =>
  2 ** (Math.max(low, Math.floor(Math.log2(Math.abs(value)))) - bits + 1);

// The nearest number of the format, of two the one with an even significand.
export const round = (value, format) => {
  if (!Number.isFinite(value)) return value;
  const step = spacing(value, format), steps = value / step, down = Math.floor(steps), rest = steps - down;
  const near = (down + (rest > 0.5 || (rest === 0.5 && down % 2 !== 0))) * step;
  return Math.abs(near) > format[2] ? Math.sign(near) * Infinity : near;
};

// 32 values as asked for and as stored; their variance and outputs, exact and as computed.
export const run = ({offset, spread, eps, precision, method}) => {
  const format = FORMATS[precision], r = (value) => round(value, format);
  const average = (values) => r(mean(values)), power = (values) => average(values.map((value) => r(value * value)));
  const z = many(32, normals(17)), [zMean, zVar] = moments(z);
  const asked = z.map((value) => offset + (spread * (value - zMean)) / Math.sqrt(zVar));
  const x = asked.map(r), [m, v] = moments(x), middle = average(x);
  let away = x.map((value) => r(value - middle));
  if (method === 'corrected') away = away.map((value, _, all) => value - average(all)).map(r);
  const computed = method === 'one pass'
    ? r(power(x) - r(middle * middle)) : power(away);
  const stored = r(eps), scale = r(Math.sqrt(r(Math.max(0, computed) + stored)));
  return {
    asked, x, v, computed, stored,
    right: x.map((value) => (value - m) / Math.sqrt(v + eps)), y: away.map((value) => r(value / scale)),
    error: Math.abs(computed / v - 1),
  };
};

// Three digits, with a power of ten where it is needed.
export const short = (value) => {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'no number' : '∞';
  const size = Math.abs(value), [digits, power] = value.toExponential(2).split('e');
  if (!size || (size >= 0.01 && size < 1e5)) return String(+value.toPrecision(3)).replace('-', '−');
  const raised = [...String(+power)].map((one) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[one] || '⁻').join('');
  return `${+digits === 1 ? '' : `${digits}·`}10${raised}`.replace('-', '−');
};

export const say = ({offset, spread, eps, precision, method}, found) => {
  const {v, computed, error, stored, right, y} = found, kept = Math.sqrt(v / (v + eps));
  const off = Math.max(...y.map((value, i) => Math.abs(value - right[i])));
  const start = `The variance comes out as ${short(computed)}; that of the stored values is ${short(v)}. `;
  const apart = (value) => short(spacing(value, FORMATS[precision]));
  const why = () => {
    if (Math.abs(v / spread ** 2 - 1) > 0.2) return `Storing did it: near ${offset} numbers are ${apart(offset)} apart.`;
    if (!Number.isFinite(computed)) return 'The squares overflow above 65504.';
    if (offset > spread) {
      if (error > 0.02 && method === 'one pass') return `Cancellation: the mean is ${short(offset / spread)} spreads away.`;
      if (off > 0.05 && error < 0.5 && method !== 'corrected') return `The mean was rounded: outputs off by ${short(off)}.`;
    }
    if (error > 0.02) return `The squares underflow: near zero numbers are ${apart(0)} apart.`;
    if (kept < 0.9) return `ε decides: the outputs spread by ${num(kept)}.`;
    if (eps && !stored) return 'All is well, but ε became zero: equal values give 0/0.';
    return `All is well: outputs right to ${short(off)}.`;
  };
  return start + why();
};
