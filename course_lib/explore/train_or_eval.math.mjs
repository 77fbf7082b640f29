import {many, moments, normals, num} from './numbers.math.mjs';

export const STEPS = 200, START = 2, SPREAD = 2;
export const meanAt = (drift, step) => START + (drift * step) / STEPS;

// The batches of all steps and the memory after each: running += momentum * (new - running).
export const train = ({momentum, drift, batch, stored}, eps = 1e-5) => {
  const next = normals(7), batches = [], memory = [[0, 1]];
  const bessel = stored === 'biased' ? 1 : batch / (batch - 1);
  for (let step = 0; step <= STEPS; step++) {
    const values = many(batch, () => meanAt(drift, step) + SPREAD * next());
    // One example of each batch is the one to watch: a spread above the channel's mean.
    values[0] = meanAt(drift, step) + SPREAD;
    const [m, v] = moments(values), [old, oldVar] = memory[step];
    batches.push({values, m, v, xHat: (values[0] - m) / Math.sqrt(v + eps)});
    memory.push([old + momentum * (m - old), oldVar + momentum * (v * bessel - oldVar)]);
  }
  return {batches, memory};
};

// The watched example of the next batch, by that batch and by the memory so far.
export const bothWays = ({batches, memory}, {drift, steps}, eps = 1e-5) => {
  const [m, v] = memory[steps], x = meanAt(drift, steps) + SPREAD;
  return {batch: batches[steps], m, v, byMemory: (x - m) / Math.sqrt(v + eps)};
};

// What the memory would hold if every batch had the channel's exact statistics.
export const lagging = ({momentum, drift}, steps) => {
  const start = (1 - momentum) ** steps;
  let average = 0;
  for (let k = 0; k < steps; k++) {
    average += momentum * (1 - momentum) ** (steps - 1 - k) * meanAt(drift, k);
  }
  return {start, lag: start < 1 ? meanAt(drift, steps) - average / (1 - start) : 0};
};

export const say = (state, trained) => {
  const {momentum, steps, batch, stored} = state, {start, lag} = lagging(state, steps);
  const now = bothWays(trained, state), byBatch = now.batch.xHat, {byMemory, m} = now;
  const truth = meanAt(state.drift, steps);
  const noise = Math.abs(m - (1 - start) * (truth - lag)) / SPREAD;
  const reasons = [
    [start * Math.max(truth / SPREAD, 0.4),
      `${num(100 * start, start < 0.1 ? 1 : 0)}% of the memory is still its start, mean 0 and variance 1.`],
    [lag / SPREAD, `The mean moves, and the memory, a look back over some 1/α = ${num(1 / momentum, 0)} `
      + `steps, lags behind it by ${num(lag)}.`],
    [noise, momentum === 1 ? 'At α = 1 the memory is the last batch and nothing else.'
      : `α = ${momentum} averages few batches of ${batch}: the memory is noisy, too.`],
    [stored === 'biased' ? Math.sqrt(batch / (batch - 1)) - 1 : 0,
      `The biased variance is too small by (B − 1)/B = ${num((batch - 1) / batch)} on average.`],
  ];
  const [, reason] = reasons.reduce((most, one) => (one[0] > most[0] ? one : most));
  const [batchOff, memoryOff] = [Math.abs(byBatch - 1), Math.abs(byMemory - 1)];
  const verdict = Math.max(batchOff, memoryOff) < 0.15
    ? 'Both are near 1, where exact statistics would put it.'
    : batchOff > memoryOff
      ? `Here the batch is further off: ${batch} examples know their mean to `
        + `σ/√B = ${num(SPREAD / Math.sqrt(batch))} only.`
      : reason;
  return `After ${steps} steps the example is at x̂ = ${num(byBatch)} in training, by its batch, `
    + `and at ${num(byMemory)} in evaluation, by the memory. ${verdict}`;
};
