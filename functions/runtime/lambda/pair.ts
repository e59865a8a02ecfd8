import { pair } from "../../workers/pair.ts";
import { workerHandler } from "./worker-handler.ts";

export const handler = workerHandler("pair", pair);
