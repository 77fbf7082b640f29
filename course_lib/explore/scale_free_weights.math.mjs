import {mean, normals, num} from './numbers.math.mjs';

export const STEPS = 1000, NOISE = 0.5, ANGLE = 2.4;

// The gradient of the loss 1 - cos(angle between w and the target): orthogonal to w, and 1/‖w‖.
export const gradient = ([a, b], target) => {
  const square = a * a + b * b, pull = Math.cos(target) * -b + Math.sin(target) * a;
  return [(pull * b) / square ** 1.5, (-pull * a) / square ** 1.5];
};

// SGD with weight decay; each batch has a target of its own around the direction (1, 0).
export const train = ({rate, decay, length}, steps = STEPS) => {
  const next = normals(11), path = [[length * Math.cos(ANGLE), length * Math.sin(ANGLE)]];
  const pulls = [];
  for (let step = 0; step < steps; step++) {
    const [a, b] = path[step], [da, db] = gradient([a, b], NOISE * next());
    pulls.push((da * da + db * db) * (a * a + b * b));
    path.push([a - rate * (da + decay * a), b - rate * (db + decay * b)]);
  }
  // G²: the mean square of ‖w‖ times the gradient, which the length leaves as it is.
  const late = mean(pulls.slice(steps / 2)), lengths = path.map(([a, b]) => Math.hypot(a, b));
  return {path, lengths, pull: Math.sqrt(late)};
};

// ‖w‖² loses 2ηλ‖w‖² a step and gains η²G²/‖w‖²: at this length the two are equal.
export const equilibrium = ({rate, decay}, pull) => ((rate * pull ** 2) / (2 * decay)) ** 0.25;

export const say = (state, {lengths, pull}) => {
  const {rate, decay} = state, end = mean(lengths.slice(-200)), now = rate / end ** 2;
  if (!decay) {
    return `Without decay ‖w‖ can only grow, since each step is orthogonal to w: from `
      + `${num(lengths[0])} to ${num(lengths[STEPS])}. The effective rate η/‖w‖² falls from `
      + `${num(rate / lengths[0] ** 2, 3)} to ${num(rate / lengths[STEPS] ** 2, 3)}, and nothing stops it.`;
  }
  const goal = equilibrium(state, pull), goalRate = rate / goal ** 2;
  if (Math.abs(end / goal - 1) < 0.1) {
    return `‖w‖ settles near ${num(end)}, wherever it starts: decay shortens it as much as the `
      + `steps lengthen it. The effective rate η/‖w‖² is then ${num(now, 3)}; the theory says `
      + `√(2ηλ)/G = ${num(goalRate, 3)}, so the product ηλ = ${+(rate * decay).toPrecision(3)} sets it.`;
  }
  return `After ${STEPS} steps ‖w‖ is ${num(end)} and the effective rate ${num(now, 3)}, still on `
    + `the way to ${num(goal)} and ${num(goalRate, 3)}: it takes some 1/(ηλ) = `
    + `${num(1 / (rate * decay), 0)} steps for the start to be forgotten.`;
};
