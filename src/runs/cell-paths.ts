import { join } from "node:path";
import { canonicalJson, sha256 } from "../core/hash.ts";
import { listFolder, pathExists } from "./files.ts";

/** All that determines a cell; its hash is part of the cell's name. */
export interface CellIdentity {
  readonly format: number;
  /** The parts of the resolved scenario that this cell depends on, at its point of the sweep. */
  readonly scenario: unknown;
  /** The arm's whole record. */
  readonly arm: { readonly name: string };
  readonly seed: number;
  /** Name of the engine. */
  readonly engine: string;
}

/** Where the files of a cell are. */
export interface CellPaths {
  readonly id: string;
  readonly root: string;
  readonly metrics: string;
  readonly evaluation: string;
  readonly episodes: string;
  readonly checkpoints: string;
  readonly timing: string;
  readonly result: string;
  readonly resume: string;
  readonly failure: string;
}

const ARM_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
export const CELL_ID = /^[A-Za-z0-9][A-Za-z0-9._-]*-seed\d+-[0-9a-f]{8}$/;
export const FILE_OF_CELL = /^(metrics\.jsonl|evaluation\.json|episodes\.jsonl|checkpoints\/\d+\.safetensors)$/;

/** `<arm>-seed<k>-<hash8>`: hash8 begins the SHA-256 of the identity's canonical JSON. */
export function cellId(identity: CellIdentity): string {
  const { name } = identity.arm;
  if (!ARM_NAME.test(name)) throw new RangeError(`cellId: arm ${JSON.stringify(name)} cannot be part of a file name`);
  return `${name}-seed${identity.seed}-${sha256(canonicalJson(identity)).slice(0, 8)}`;
}

export function cellPaths(run: string, id: string): CellPaths {
  if (!CELL_ID.test(id)) throw new RangeError(`cellPaths: ${JSON.stringify(id)} is not the id of a cell`);
  const root = join(run, "cells", id);
  return {
    id,
    root,
    metrics: join(root, "metrics.jsonl"),
    evaluation: join(root, "evaluation.json"),
    episodes: join(root, "episodes.jsonl"),
    checkpoints: join(root, "checkpoints"),
    timing: join(root, "timing.json"),
    result: join(root, "result.json"),
    resume: join(root, "resume.safetensors"),
    failure: join(root, "failure.json"),
  };
}

export function checkpointPath(cell: CellPaths, step: number): string {
  return join(cell.checkpoints, `${step}.safetensors`);
}

/** A cell's last checkpoint, finished or not; undefined before the first. */
export function lastCheckpoint(cell: CellPaths): string | undefined {
  const steps = (pathExists(cell.checkpoints) ? listFolder(cell.checkpoints) : []).map((name) =>
    Number.parseInt(name, 10),
  );
  return steps.length === 0 ? undefined : checkpointPath(cell, Math.max(...steps));
}

/**
 * The file that holds the latest policy of a cell: what it goes on from, else its last checkpoint; undefined before there is one. Whoever
 * reads it while the cell is trained may find it gone.
 */
export function latestPolicy(cell: CellPaths): string | undefined {
  return pathExists(cell.resume) ? cell.resume : lastCheckpoint(cell);
}
