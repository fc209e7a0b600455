/** Columns of a panel: activations and dense weights are stored as panels of eight columns, see assembly/dense.ts. */
export const PANEL = 8;
