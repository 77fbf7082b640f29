// What the figures' formulas share: a number as text, a seeded generator, mean and variance.

// A number with a true minus sign, and none before zero.
export const num = (value, digits = 2) =>
  (+value.toFixed(digits) || 0).toFixed(digits).replace('-', '−');

// Mulberry32: course_lib/explore/draws.py draws the same numbers.
export const uniforms = (seed) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t ^= t + Math.imul(t ^ (t >>> 7), 61 | t);
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
};

// Standard normal numbers, Box & Muller's pairs.
export const normals = (seed) => {
  const next = uniforms(seed);
  let spare = null;
  return () => {
    if (spare !== null) return [spare, (spare = null)][0];
    const radius = Math.sqrt(-2 * Math.log(1 - next())), angle = 2 * Math.PI * next();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
};

export const many = (count, make) => Array.from({length: count}, (_, index) => make(index));
export const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

// Mean and biased variance, two passes and a correction, as course_lib.numpy_layers.moments.
export const moments = (values) => {
  const rough = mean(values);
  const rest = mean(values.map((value) => value - rough));
  return [rough + rest, mean(values.map((value) => (value - rough - rest) ** 2))];
};
