/** What the fake does for users of the SDK other than the adapter. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FunctionTimeoutError, NotFoundError, RemoteError, TimeoutError } from "modal";
import { openModalClient } from "../../../functions/adapters/modal/client.ts";
import { type FakeBody, untilAborted } from "../../support/modal/apps.ts";
import { ModalBroke } from "../../support/modal/calls.ts";
import { type FakeModal, startFakeModal } from "../../support/modal/fake-modal.ts";

const echo: FakeBody = (args, kwargs) => ({ args, kwargs });
const clientOf = (modal: FakeModal) => openModalClient({ ...modal.credentials, serverUrl: modal.url });

test("values go to a function and come back, large ones by upload and download", async () => {
  await using modal = await startFakeModal({ apps: { a: { echo } } });
  const found = await clientOf(modal).functions.fromName("a", "echo");
  const taken = () => modal.log.splice(0);
  taken();
  const sent = { text: "läuft ✓ 🙂", none: null, list: [1, 2.5, true], bytes: Buffer.from([1, 2]) };
  assert.deepEqual(await found.remote([sent], { k: 1 }), { args: [sent], kwargs: { k: 1 } });
  assert.deepEqual(taken(), ["functionMap", "functionGetOutputs"]);
  const large = Buffer.alloc(3 * 2 ** 20, 7);
  const returned = await found.remote([large]);
  assert.ok(large.equals(returned.args[0]));
  assert.deepEqual(taken(), ["blobCreate", "functionMap", "functionGetOutputs", "blobGet"]);
  const nineKib = Buffer.alloc(9 * 2 ** 10);
  assert.ok(nineKib.equals((await (await found.spawn([nineKib])).get()).args[0]));
  assert.deepEqual(taken(), ["blobCreate", "functionMap", "functionGetOutputs"]);
});

test("failures are the SDK's own errors", async () => {
  const apps = {
    a: {
      boom: () => {
        throw new TypeError("bad");
      },
      slow: {
        run: ((_args, _kwargs, { signal }) => untilAborted(signal)) satisfies FakeBody,
        options: { timeoutSeconds: 1 },
      },
      web: { run: echo, webUrl: "https://x--chat.modal.run" },
    },
  };
  await using modal = await startFakeModal({ apps, secondMs: 50 });
  const client = clientOf(modal);
  const remote = async (name: string) => (await client.functions.fromName("a", name)).remote();
  await assert.rejects(
    remote("boom"),
    (error) => error instanceof RemoteError && /TypeError\(bad\)/.test(error.message),
  );
  await assert.rejects(remote("slow"), FunctionTimeoutError);
  await assert.rejects(remote("web"), /webhook Function cannot be invoked/);
  await assert.rejects(remote("nope"), NotFoundError);
  const waiting = await (await client.functions.fromName("a", "slow")).spawn();
  await assert.rejects(waiting.get({ timeoutMs: 0 }), TimeoutError);
});

test("a failed input is begun again as often as the options say, and Modal's own failures by the SDK", async () => {
  const attempts: number[] = [];
  const flaky: FakeBody = (_args, _kwargs, { attempt }) => {
    attempts.push(attempt);
    if (attempt < 2) throw new Error(`attempt ${attempt}`);
    return "done";
  };
  const broken: FakeBody = (_args, _kwargs, { attempt }) => {
    if (attempt < 2) throw new ModalBroke("worker lost");
    return attempt;
  };
  await using modal = await startFakeModal({ apps: { a: { flaky, broken } } });
  const client = clientOf(modal);
  const found = await client.functions.fromName("a", "flaky");
  assert.equal(await (await found.withOptions({ retries: 2 }).instance()).remote(), "done");
  await assert.rejects(
    (await found.withOptions({ retries: 1 }).instance()).remote(),
    /Remote error: Error\(attempt 1\)/,
  );
  assert.deepEqual(attempts, [0, 1, 2, 0, 1]);
  assert.equal(await (await client.functions.fromName("a", "broken")).remote(), 2);
});

test("classes take parameters of every kind, and the same parameters and options share their containers", async () => {
  const seen: unknown[] = [];
  const Model = {
    parameters: { name: "string", layers: "int", quantised: "bool" } as const,
    methods: {
      run: ((_args, _kwargs, { parameters, container }) => void seen.push([parameters, container])) as FakeBody,
    },
  };
  await using modal = await startFakeModal({ apps: { a: { Model } } });
  const cls = await clientOf(modal).cls.fromName("a", "Model");
  const parameters = { name: "tiny", layers: 4, quantised: true };
  for (const gpu of ["L4", "L4", "T4:2"]) {
    await (await cls.withOptions({ gpu }).instance(parameters)).method("run").remote();
  }
  await assert.rejects(cls.instance({ name: "tiny" }), /Parameter 'layers' must be an integer/);
  assert.deepEqual(seen, [
    [parameters, "ta-1"],
    [parameters, "ta-1"],
    [parameters, "ta-2"],
  ]);
  assert.deepEqual(
    modal.calls.map(({ options }) => options.gpu),
    ["L4:1", "L4:1", "T4:2"],
  );
});

test("the autoscaler's limit holds until the next deployment, and the backlog can be seen", async () => {
  const gate = Promise.withResolvers<void>();
  const wait: FakeBody = () => gate.promise;
  await using modal = await startFakeModal({ apps: { a: { wait } } });
  const found = await clientOf(modal).functions.fromName("a", "wait");
  const settings = await found.updateAutoscaler({ maxContainers: 1, scaledownWindowMs: 60_000 });
  assert.deepEqual([settings.maxContainers, settings.scaledownWindowMs], [1, 60_000]);
  for (let at = 0; at < 3; at++) await found.spawn();
  assert.deepEqual(await found.getCurrentStats(), { backlog: 2, numTotalRunners: 1 });
  modal.deploy("a", { wait });
  await found.spawn();
  assert.deepEqual(await found.getCurrentStats(), { backlog: 0, numTotalRunners: 4 });
  gate.resolve();
  await Promise.all(modal.calls.map(({ id }) => modal.ended(id)));
  assert.equal((await found.stats()).inputSuccessCount, 4);
  assert.deepEqual(
    modal.calls.map(({ version }) => version),
    [1, 2, 2, 2],
  );
});
