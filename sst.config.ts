/// <reference path="./.sst/platform/config.d.ts" />

// biome-ignore lint/style/noDefaultExport: SST reads the default export
export default $config({
  async app({ stage }) {
    const { regionOf } = await import("./stacks/settings.ts");
    const { isProduction } = await import("./stacks/plan.ts");
    return {
      name: "rlaifv",
      version: "4.17.1",
      home: "aws",
      removal: isProduction(stage) ? "retain" : "remove",
      protect: isProduction(stage),
      // The version that SST's platform brings: another one would be installed a second time.
      providers: { aws: { region: regionOf(process.env) as aws.Region, version: "7.20.0" } },
    };
  },
  async run() {
    const { deploySettings } = await import("./stacks/settings.ts");
    const { secrets } = await import("./stacks/secrets.ts");
    const { dataBucket, stateTable } = await import("./stacks/storage.ts");
    const { deadLetterQueue, workers } = await import("./stacks/workers.ts");
    const { runEnds, stateMachine, sweeper } = await import("./stacks/loop.ts");
    const { apiFunction, frontDoor } = await import("./stacks/api.ts");
    const { builtConsole } = await import("./stacks/console.ts");
    const { gpuRole } = await import("./stacks/gpu.ts");
    const { alarms } = await import("./stacks/alarms.ts");

    const settings = deploySettings(process.env);
    const router = frontDoor(settings);
    const origins = settings.RLAIFV_CORS_ORIGIN === undefined ? [] : [settings.RLAIFV_CORS_ORIGIN];
    const bucket = dataBucket([router.url, ...origins]);
    const deadLetters = deadLetterQueue();
    const base = { table: stateTable(), bucket, secrets: secrets(), settings, deadLetters };
    const functions = workers(base);
    const machine = stateMachine(functions, bucket);
    sweeper(functions, base);
    runEnds(machine, functions, base);
    apiFunction(base, router, builtConsole());
    const role = gpuRole(bucket, settings);
    const told = alarms(settings, deadLetters);

    return {
      url: router.url,
      callback: functions.callback.url,
      bucket: bucket.name,
      table: base.table.name,
      machine: machine.arn,
      gpuRole: role.arn,
      deadLetters: deadLetters.url,
      alarms: told.arn,
    };
  },
});
