import {num} from './numbers.math.mjs';

export const STEPS = 150;

// The Hessian of the squared error: the features' covariance, [a, b, d] for [[a, b], [b, d]].
export const hessian = ({scale, correlation}, even) =>
  even ? [1, correlation, 1] : [1, correlation * scale, scale * scale];

// Smaller and larger eigenvalue, and the angle of the larger one's direction.
export const eigen = ([a, b, d]) => {
  const half = (a + d) / 2, apart = Math.hypot((a - d) / 2, b);
  return {low: (a * d - b * b) / (half + apart), high: half + apart, angle: Math.atan2(2 * b, a - d) / 2};
};

// One walk. A raw weight is the standardized one divided by the feature's scale: the same model.
export const walk = (state, even) => {
  const [a, b, d] = hessian(state, even), {low, high, angle} = eigen([a, b, d]);
  const rate = ((state.step / 100) * 2) / high, path = [], losses = [];
  let [u, v] = [state.start[0], state.start[1] / (even ? 1 : state.scale)];
  for (let step = 0; step <= STEPS; step++) {
    path.push([u, v]);
    losses.push((a * u * u + 2 * b * u * v + d * v * v) / 2);
    [u, v] = [u - rate * (a * u + b * v), v - rate * (b * u + d * v)];
  }
  const steps = losses.findIndex((loss) => loss <= 0.01 * losses[0]);
  return {path, losses, rate, low, high, angle, condition: high / low, steps};
};

export const say = (state, raw, standardized) => {
  if (!raw.losses[0]) return 'Both start at the minimum: there is nothing to do. Move the start.';
  const numbers = `Condition number ${num(raw.condition, 1)} raw, ${num(standardized.condition, 1)} standardized. `;
  if (state.step >= 100) {
    return `${numbers}From this limit, 2/λ, on neither walk gets down the steepest direction: `
      + 'scaling moves the limit and does not lift it.';
  }
  const count = ({steps}) =>
    (steps < 0 ? `needs more than ${STEPS} steps` : `needs ${steps} step${steps === 1 ? '' : 's'}`);
  const [slow, quick] = [raw, standardized].map(({steps}) => (steps < 0 ? Infinity : steps));
  const start = `${numbers}From the same model to 1% of the loss, raw ${count(raw)}, `
    + `standardized ${count(standardized)}.`;
  if (state.scale === 1) return `${start} With equal scales the two are one problem.`;
  if (slow < quick) {
    return `${start} A lucky start for raw: it lies along the steep side of the valley.`;
  }
  if (slow === quick && slow < Infinity) {
    return `${start} No difference here: hardly any of the way leads along the valley.`;
  }
  return start + (state.correlation > 0.6
    ? ' Standardizing evens out scales, not correlation: that would take whitening.' : '');
};
