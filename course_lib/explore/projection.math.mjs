import {mean, moments, num} from './numbers.math.mjs';

export const standardize = (x, eps = 1e-5) => {
  const [m, v] = moments(x), invStd = 1 / Math.sqrt(v + eps);
  return {invStd, xHat: x.map((value) => (value - m) * invStd)};
};

// The sum that the backward pass takes apart: dx = invStd * (dy - its mean - its part along x̂).
export const split = (x, dy, eps) => {
  const {xHat, invStd} = standardize(x, eps);
  const average = mean(dy), along = mean(dy.map((value, i) => value * xHat[i]));
  const constant = dy.map(() => average), scaled = xHat.map((value) => value * along);
  const rest = dy.map((value, i) => value - constant[i] - scaled[i]);
  const parts = [constant, scaled, rest];
  const squares = parts.map((part) => mean(part.map((value) => value ** 2)));
  const all = squares.reduce((sum, value) => sum + value);
  const shares = squares.map((value) => (all > 1e-12 ? value / all : 0));
  return {xHat, parts, shares, dx: rest.map((value) => value * invStd)};
};

export const say = ({shares: [constant, scaled, rest]}) => {
  const percent = (share) => `${num(100 * share, 1)}%`;
  if (constant + scaled + rest === 0) return 'dy is zero: there is nothing to pass on.';
  const [more, less] = constant > scaled ? ['shift', 'constant'] : ['scaling', 'along x̂'];
  return `Of dy’s square, ${percent(constant)} lies in its mean, ${percent(scaled)} along x̂, and `
    + `${percent(rest)} reaches x. `
    + (rest < 0.005 ? `Nothing gets through: dy asks for a ${
      Math.min(constant, scaled) > 0.005 ? 'shift and a scaling' : more
    } of x, and the layer takes ${Math.min(constant, scaled) > 0.005 ? 'both' : 'that'} out again.`
      : rest > 0.995 ? 'All of it gets through: dy asks neither for a shift of x nor for a scaling.'
        : `The larger of the two lost parts is the one ${less === 'constant' ? 'in the mean' : less}.`);
};
