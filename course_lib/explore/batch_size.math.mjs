import {many, moments, num, uniforms} from './numbers.math.mjs';

export const SIZES = many(9, (power) => 2 ** power), BATCHES = 1000;

// The exponential distribution's quantiles: mean and spread near 1, a long tail as after ReLU.
export const EXPONENTIAL = many(400, (i) => -Math.log(1 - (i + 0.5) / 400));

// Many batches of each size, drawn with replacement: their means, and the spread of those.
// With 200 of them the spread itself would wander by up to a third between neighbours.
export const wander = (values, draw) => SIZES.map((size, power) => {
  const next = uniforms(draw * 16 + 32 + power), batch = [];
  const means = many(BATCHES, (index) => {
    let sum = 0;
    for (let i = 0; i < size; i++) {
      const value = values[Math.floor(next() * values.length)];
      if (!index) batch.push(value);
      sum += value;
    }
    return sum / size;
  });
  return {size, batch, means, spread: Math.sqrt(moments(means)[1])};
});

export const say = (all, sigma, power) => {
  const {size, spread} = all[power], here = `Batches of ${size}`;
  const [other, far, times] = power < 7
    ? [all[power + 2], 'four times as many', spread / all[power + 2].spread]
    : [all[power - 2], 'a quarter as many', all[power - 2].spread / spread];
  return `${here}: ${BATCHES} means with a spread of ${num(spread, 3)}; `
    + `σ/√B = ${num(sigma, 3)}/√${size} = ${num(sigma / Math.sqrt(size), 3)}. `
    + `With ${far} examples, B = ${other.size}, the spread is ${num(other.spread, 3)}, `
    + `${num(times, 1)} times ${power < 7 ? 'smaller' : 'larger'}.`;
};
