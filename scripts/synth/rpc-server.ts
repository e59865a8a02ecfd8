/** What SST's command line answers to its platform code, as far as a synthesis asks. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type BuildInput, type BuildPlace, type Built, buildHandler } from "./build-handler.ts";

const ACCOUNT = "111111111111";

export type RpcServer = { url: string; builds: Map<string, Built>; waiting: () => number; close: () => void };

export async function rpcServer(place: BuildPlace): Promise<RpcServer> {
  const builds = new Map<string, Built>();
  let waiting = 0;
  const answer = async (method: string, argument: unknown): Promise<unknown> => {
    if (method === "Provider.Aws.Bootstrap") return BOOTSTRAP;
    if (method === "Provider.Aws.Appsync") return { http: "h", realtime: "r" };
    if (method !== "Runtime.Build") throw new Error(`rpc: can't find ${method}`);
    const input = argument as BuildInput;
    const { output, built } = await buildHandler(input, place);
    if (built !== undefined) builds.set(input.functionID, built);
    return output;
  };
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    waiting += 1;
    response.on("close", () => {
      waiting -= 1;
    });
    request.on("end", () => {
      const { method, params } = JSON.parse(Buffer.concat(pieces).toString()) as { method: string; params: unknown[] };
      answer(method, params[0]).then(
        (result) => response.end(JSON.stringify({ result, error: null })),
        (error: unknown) => response.end(JSON.stringify({ result: null, error: String(error) })),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, builds, waiting: () => waiting, close: () => server.close() };
}

/** What `sst` would find in an account that was set up for it. */
const BOOTSTRAP = {
  asset: "sst-asset-synth",
  assetEcrRegistryId: ACCOUNT,
  assetEcrUrl: `${ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/sst-asset`,
  state: "sst-state-synth",
  appsyncHttp: "h",
  appsyncRealtime: "r",
};
