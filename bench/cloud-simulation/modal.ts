/** Modal as the simulation sees it: calls wait in a queue, containers come cold, go when idle, and may be taken away. */
import type { Random } from "../../shared/random.ts";
import type { GpuConfig } from "../../shared/schemas/config.ts";
import { type Bill, billContainer } from "./bill.ts";
import { gaussian, waitFor } from "./chance.ts";
import type { EventQueue } from "./events.ts";
import type { World } from "./figures.ts";

/** `workSeconds`, and `overhead` in which nothing is computed: of one container of average speed. */
type Call = { workSeconds: number; overhead: number; done: (took: { seconds: number; busySeconds: number }) => void };
type Container = { startedAt: number; speed: number; idleSince: number };

export type Pool = {
  /** `done` is told once, however often the container is taken away. */
  submit(call: Call): void;
};

export type Modal = {
  /** Containers of one model, which live until they are idle. */
  pool(gpu: Pick<GpuConfig, "kind" | "count" | "maxContainers">): Pool;
  preemptions(): number;
};

type Parts = { queue: EventQueue; random: Random; world: World; bill: Bill };

export function simulatedModal({ queue, random, world, bill }: Parts): Modal {
  let gpusInUse = 0;
  let preemptions = 0;
  const growers: (() => void)[] = [];

  function pool({ kind, count, maxContainers }: Pick<GpuConfig, "kind" | "count" | "maxContainers">): Pool {
    const waiting: Call[] = [];
    const idle: Container[] = [];
    let alive = 0;
    let starting = 0;

    function grow(): void {
      while (starting < waiting.length && alive < maxContainers && gpusInUse + count <= world.planGpus) {
        alive++;
        starting++;
        gpusInUse += count;
        const container = { startedAt: queue.now(), speed: around(world.containerSpread), idleSince: 0 };
        queue.after(world.coldStart * Math.exp(world.coldStartSpread * gaussian(random)), () => {
          starting--;
          takeNext(container);
        });
      }
    }

    function takeNext(container: Container): void {
      const call = waiting.shift();
      if (call !== undefined) {
        work(container, call);
        return;
      }
      container.idleSince = queue.now();
      idle.push(container);
      leaveLater(container);
    }

    function leaveLater(container: Container): void {
      const { idleSince } = container;
      queue.after(world.scaledown, () => {
        if (container.idleSince === idleSince && idle.includes(container)) leave(container);
      });
    }

    function work(container: Container, call: Call): void {
      const busySeconds = call.workSeconds / container.speed;
      const isFollowed = world.batchesAtOnce > 1 && waiting.length > 0; // another batch fills the gaps of this one
      const seconds = busySeconds + (isFollowed ? 0 : call.overhead / container.speed + world.inputGap);
      const untilTaken = waitFor(world.preemptions, random);
      if (untilTaken < seconds) {
        preemptions++;
        queue.after(untilTaken, () => {
          waiting.unshift(call); // Modal runs the input again, from its beginning
          leave(container);
        });
        return;
      }
      queue.after(seconds, () => {
        call.done({ seconds, busySeconds });
        takeNext(container);
      });
    }

    function leave(container: Container): void {
      const at = idle.indexOf(container);
      if (at >= 0) idle.splice(at, 1);
      billContainer(bill, { kind, count }, queue.now() - container.startedAt);
      alive--;
      gpusInUse -= count;
      for (const grown of growers) grown();
    }

    growers.push(grow);
    return {
      submit(call) {
        const container = idle.shift();
        if (container !== undefined) {
          work(container, call);
          return;
        }
        waiting.push(call);
        grow();
      },
    };
  }

  /** Never less than a tenth. */
  const around = (spread: number) => Math.max(0.1, 1 + spread * gaussian(random));
  return { pool, preemptions: () => preemptions };
}
