import {many, moments, normals, num} from './numbers.math.mjs';

// Batch norm without γ and β.
export const batchNorm = (values) => {
  const [m, v] = moments(values), scale = 1 / Math.sqrt(v + 1e-5);
  return values.map((value) => (value - m) * scale);
};
const standard = (values) => {
  const [m, v] = moments(values);
  return values.map((value) => (value - m) / Math.sqrt(v));
};

// One unit on 200 examples before the update, with mean 0 and standard deviation 1.
export const before = () => standard(many(200, normals(5)));

// The same examples after it: another place, another spread, another shape.
export const after = ({push, stretch, bend}) =>
  standard(before().map((z) => z + bend * z * z)).map((z) => push + stretch * z);

// Mean distance between values of equal rank, in standard deviations before.
export const distance = (old, now) => {
  const order = (values) => [...values].sort((a, b) => a - b), was = order(old), is = order(now);
  return moments(was.map((value, i) => Math.abs(is[i] - value)))[0] / Math.sqrt(moments(old)[1]);
};

// How many values fall into each of the bins between two ends; those beyond count at the ends.
export const histogram = (values, low, high, bins) => {
  const counts = many(bins, () => 0);
  for (const value of values) {
    const bin = Math.floor(((value - low) / (high - low)) * bins);
    counts[Math.min(bins - 1, Math.max(0, bin))]++;
  }
  return counts;
};

export const say = (state) => {
  const old = before(), now = after(state);
  const free = distance(old, now), normed = distance(batchNorm(old), batchNorm(now));
  if (free < 0.005) return 'Nothing has moved: D = 0 without a norm and behind one.';
  const start = `Without a norm the unit has moved by D = ${num(free)}. Behind a batch norm it is D = ${num(normed)}: `;
  if (normed < 0.005) return `${start}push and stretch are gone, for they change mean and spread alone.`;
  if (normed > free + 0.005) return `${start}more than before, since push and stretch had made up for part of the change of shape.`;
  if (state.push || state.stretch !== 1) return `${start}push and stretch are gone, and the change of shape is left.`;
  return `${start}mean and spread had not changed, so the norm has nothing to take out.`;
};
