/** What the parts of one simulation share. */
import type { Random } from "../../shared/random.ts";
import type { ModelRef, RunConfig } from "../../shared/schemas/config.ts";
import type { EventQueue } from "./events.ts";
import type { World } from "./figures.ts";
import type { Meters } from "./meters.ts";
import type { Modal, Pool } from "./modal.ts";
import type { Transitions } from "./transitions.ts";

export type Parts = {
  config: RunConfig;
  world: World;
  modal: Modal;
  meters: Meters;
  random: Random;
  queue: EventQueue;
  transitions: Transitions;
  /** Containers of a model; `weights` tells a checkpoint from the model itself. */
  poolOf: (model: ModelRef, weights: string) => Pool;
};
