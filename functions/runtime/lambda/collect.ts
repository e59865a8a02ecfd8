import { collect } from "../../workers/gpu/collect.ts";
import { workerHandler } from "./worker-handler.ts";

export const handler = workerHandler("collect", collect);
